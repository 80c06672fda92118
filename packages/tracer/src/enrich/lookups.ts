/** Answers that take a while, remembered: nothing waits for one, it is there the next time. */
import { BoundedMap } from '@weir/ebpf/bounded-map';

/** Options of {@link Lookups}. */
export interface LookupsOptions<Answer> {
  /** Asks; undefined, or a rejection, if there is no answer. */
  readonly ask: (key: string) => Promise<Answer | undefined>;
  /** Gives up on a lookup after this time, milliseconds. Default 2,000. */
  readonly timeoutMs?: number | undefined;
  /** Lookups under way at the same time. Default 8. */
  readonly concurrency?: number | undefined;
  /** Limit of keys that wait for their lookup; beyond it, new ones are refused until the next request. Default 1,024. */
  readonly queueLimit?: number | undefined;
  /** Keys that are remembered. Default 16,384. */
  readonly limit?: number | undefined;
  /** Time for which an answer is remembered, milliseconds. */
  readonly keepMs: number;
  /** Time for which the lack of an answer is remembered, milliseconds. */
  readonly keepNoneMs: number;
  /** Called with each answer. */
  readonly onAnswer?: ((key: string, answer: Answer) => void) | undefined;
  /** Milliseconds of a clock that never goes back. Default: performance.now(). */
  readonly now?: (() => number) | undefined;
}

interface Entry<Answer> {
  readonly answer: Answer | undefined;
  /** Infinite while its lookup waits or is under way. */
  readonly until: number;
}

/** A cache of answers, with a bounded queue of questions. Disposing forgets what waits. */
export class Lookups<Answer> implements Disposable {
  readonly #options: LookupsOptions<Answer>;
  readonly #now: () => number;
  /** In the order in which they were last asked for or answered. */
  readonly #entries: BoundedMap<string, Entry<Answer>>;
  readonly #queue: string[] = [];
  #running = 0;
  #disposed = false;

  constructor(options: LookupsOptions<Answer>) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#entries = new BoundedMap(options.limit ?? 16_384);
  }

  /** Lookups that wait or are under way. */
  get pending(): number {
    return this.#queue.length + this.#running;
  }

  /** The answer, if it is known; else a lookup starts. An outdated answer is returned until the new one is known. */
  get(key: string): Answer | undefined {
    const entry = this.#entries.get(key);
    if (entry !== undefined) {
      this.#entries.set(key, entry);
      if (entry.until > this.#now()) return entry.answer;
    }
    this.#enqueue(key, entry);
    return entry?.answer;
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#queue.length = 0;
  }

  #enqueue(key: string, previous: Entry<Answer> | undefined): void {
    if (this.#disposed || this.#queue.length >= (this.#options.queueLimit ?? 1_024)) return;
    this.#entries.set(key, { answer: previous?.answer, until: Number.POSITIVE_INFINITY });
    this.#queue.push(key);
    this.#startNext();
  }

  #startNext(): void {
    while (this.#running < (this.#options.concurrency ?? 8)) {
      const key = this.#queue.shift();
      if (key === undefined) return;
      this.#running++;
      void this.#lookUp(key).finally(() => {
        this.#running--;
        this.#startNext();
      });
    }
  }

  async #lookUp(key: string): Promise<void> {
    const { ask, timeoutMs, keepMs, keepNoneMs, onAnswer } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), timeoutMs ?? 2_000);
    });
    // One that throws at once is one more way to have no answer.
    const lookup = new Promise<Answer | undefined>((resolve) => resolve(ask(key)));
    const answer = await Promise.race([lookup, timeout]).catch(() => undefined);
    clearTimeout(timer);
    if (this.#disposed) return;
    this.#entries.set(key, { answer, until: this.#now() + (answer === undefined ? keepNoneMs : keepMs) });
    if (answer !== undefined) onAnswer?.(key, answer);
  }
}
