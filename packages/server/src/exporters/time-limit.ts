/** The end of an attempt: when somebody says so, or after a time. AbortSignal.any() would keep each attempt as long as its signals live. */
export class TimeLimit implements Disposable {
  readonly #end = new AbortController();
  readonly #signals: readonly AbortSignal[];
  readonly #timer: NodeJS.Timeout;
  readonly #stop = () => this.#end.abort();
  #isOver = false;

  constructor(ms: number, ...signals: readonly AbortSignal[]) {
    this.#signals = signals;
    this.#timer = setTimeout(() => {
      this.#isOver = true;
      this.#stop();
    }, ms);
    for (const signal of signals) {
      if (signal.aborted) this.#stop();
      signal.addEventListener('abort', this.#stop, { once: true });
    }
  }

  /** Ends the attempt. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Whether the time was over. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Resolves at the end. */
  get ended(): Promise<void> {
    const { signal } = this;
    return new Promise((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  /** The attempt is over: nothing is left of this. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    for (const signal of this.#signals) signal.removeEventListener('abort', this.#stop);
  }
}
