/** Work in the background of the sharing of flows. */
import { setTimeout as sleep } from 'node:timers/promises';

/** The same trouble is logged once in this time. */
const LOG_EVERY_MS = 60_000;

/** Work that ends with this object; what fails is logged. */
export class SyncWork implements AsyncDisposable {
  readonly #log: (line: string) => void;
  readonly #ended = new AbortController();
  readonly #work = new Set<Promise<unknown>>();
  #logged = { line: '', at: Number.NEGATIVE_INFINITY };

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  /** Does work once. */
  run(work: () => Promise<void>): void {
    const done = work()
      .catch((error: Error) => this.log(error))
      .finally(() => this.#work.delete(done));
    this.#work.add(done);
  }

  /** Does work again and again, also after it has failed. */
  repeat(ms: number, work: () => void | Promise<void>): void {
    this.run(async () => {
      for (;;) {
        await this.pause(ms);
        try {
          await work();
        } catch (error) {
          this.log(error as Error);
        }
      }
    });
  }

  /** Logs a failure, unless it is the last one again. */
  log({ message }: Error): void {
    const now = performance.now();
    if (this.#ended.signal.aborted) return;
    if (message === this.#logged.line && now - this.#logged.at < LOG_EVERY_MS) return;
    this.#logged = { line: message, at: now };
    this.#log(`sync: ${message}`);
  }

  /** Waits. @throws the reason of the end, at once */
  pause(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: this.#ended.signal, ref: false });
  }

  /** Ends work that has no pause. @throws the reason of the end, after it */
  throwIfEnded(): void {
    this.#ended.signal.throwIfAborted();
  }

  /** Has all work end, and waits for it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await Promise.allSettled(this.#work);
  }
}
