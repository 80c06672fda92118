/** Work that is done one after the other, as each needs much memory. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Does the work when it is its turn. @throws the signal's reason where that is aborted before */
  run<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => {
      signal?.throwIfAborted();
      return work();
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
