/** Runs tasks side by side so that the last ones end at about the same time. */

export interface Task<R> {
  /** How long it takes, compared with the others. */
  readonly weight: number;
  /** Must be over before this starts, whether or not it fails. */
  readonly ready?: Promise<unknown> | undefined;
  /** Whether it waits for much of its time, so that the others keep the machine busy beside it: then it needs no place. */
  readonly waits?: boolean;
  readonly run: () => Promise<R>;
}

/**
 * Runs tasks, the longest first.
 *
 * @param places How many may run at a time.
 * @param preparation Other work that keeps the machine busy: while it is under way it has a place, but never the last one.
 * @returns The results in the order of the tasks.
 */
export async function schedule<R>(
  tasks: readonly Task<R>[],
  places: number,
  preparation: readonly Promise<unknown>[] = [],
): Promise<R[]> {
  const results = new Map<Task<R>, R>();
  const waiting = [...tasks].sort((a, b) => b.weight - a.weight);
  const running = new Map<Promise<void>, Task<R>>();
  const preparing = pending(preparation);
  const unready = pending(tasks.flatMap(({ ready }) => (ready === undefined ? [] : [ready])));
  const isFree = () => {
    const taken = [...running.values()].filter(({ waits }) => !waits).length;
    return taken === 0 || taken + preparing.size < places;
  };
  while (waiting.length > 0 || running.size > 0) {
    const free = isFree();
    const index = waiting.findIndex(
      ({ ready, waits }) => (free || waits) && (ready === undefined || !unready.has(ready)),
    );
    if (index < 0) {
      await Promise.race([...running.keys(), ...preparing.values(), ...unready.values()]);
      continue;
    }
    const [task] = waiting.splice(index, 1);
    const done = task!.run().then((result) => {
      results.set(task!, result);
      running.delete(done);
    });
    running.set(done, task!);
  }
  return tasks.map((task) => results.get(task)!);
}

/** The promises that are not over, each with what resolves once it is. */
function pending(promises: readonly Promise<unknown>[]): Map<Promise<unknown>, Promise<void>> {
  const left = new Map<Promise<unknown>, Promise<void>>();
  for (const promise of promises) {
    const over = () => void left.delete(promise);
    left.set(promise, promise.then(over, over));
  }
  return left;
}
