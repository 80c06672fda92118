/** One after the other. */

/** Runs one thing at a time, in the order in which they were asked for. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();
  #running = 0;

  /** Whether something runs, or waits for its turn. */
  get isHeld(): boolean {
    return this.#running > 0;
  }

  /** Runs something when all before it has ended, well or not. */
  run<T>(work: () => Promise<T>): Promise<T> {
    this.#running++;
    const result = this.#last.then(work).finally(() => this.#running--);
    this.#last = result.catch(() => {});
    return result;
  }
}
