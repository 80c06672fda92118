/** Runs tasks side by side so that the last ones end at about the same time. */

export interface Task<R> {
  /** How long it takes, compared with the others. */
  readonly weight: number;
  /** Preparation that keeps the machine busy and must be over before this starts, whether or not it fails. */
  readonly ready?: Promise<unknown> | undefined;
  readonly run: () => Promise<R>;
}

/**
 * Runs tasks, the longest first. Preparation that is under way counts as a task, but never keeps the last place.
 *
 * @param places How many may run at a time.
 * @returns The results in the order of the tasks.
 */
export async function schedule<R>(tasks: readonly Task<R>[], places: number): Promise<R[]> {
  const results = new Map<Task<R>, R>();
  const waiting = [...tasks].sort((a, b) => b.weight - a.weight);
  const running = new Set<Promise<void>>();
  const preparing = new Map<Promise<unknown>, Promise<void>>();
  for (const { ready } of tasks) {
    if (ready === undefined || preparing.has(ready)) continue;
    const over = () => void preparing.delete(ready);
    preparing.set(ready, ready.then(over, over));
  }
  while (waiting.length > 0 || running.size > 0) {
    const index = waiting.findIndex(({ ready }) => ready === undefined || !preparing.has(ready));
    const free = running.size === 0 || running.size + preparing.size < places;
    if (index < 0 || !free) {
      await Promise.race([...running, ...preparing.values()]);
      continue;
    }
    const [task] = waiting.splice(index, 1);
    const done = task!.run().then((result) => {
      results.set(task!, result);
      running.delete(done);
    });
    running.add(done);
  }
  return tasks.map((task) => results.get(task)!);
}
