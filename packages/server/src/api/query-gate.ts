/** Lets a few queries run at a time, some wait, and refuses the rest. */
import { ProblemError } from '@weir/http/api';

/** How many. */
export interface GateLimits {
  readonly queries: number;
  readonly waiting: number;
}

/** A gate before the history: each query may use as much memory as all of them together. */
export class QueryGate {
  readonly #limits: GateLimits;
  readonly #waiting = new Set<() => void>();
  #running = 0;

  /** Makes a gate with nothing running. */
  constructor(limits: GateLimits) {
    this.#limits = limits;
  }

  /** Queries that run. */
  get running(): number {
    return this.#running;
  }

  /**
   * Runs a query when it is its turn.
   *
   * @throws ProblemError where too many wait; the signal's reason where the client has gone away before
   */
  async run<T>(signal: AbortSignal, query: () => Promise<T>): Promise<T> {
    if (this.#running < this.#limits.queries) this.#running++;
    else await this.#turn(signal);
    try {
      signal.throwIfAborted();
      return await query();
    } finally {
      this.#leave();
    }
  }

  /** The turn of the one that leaves is passed on, so that nobody comes between. */
  #leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#running--;
      return;
    }
    this.#waiting.delete(next);
    next();
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { queries, waiting } = this.#limits;
    if (this.#waiting.size >= waiting) {
      const detail = `${queries} questions are being answered and ${waiting} wait: ask again later`;
      throw new ProblemError('busy', detail, { retryAfter: 1 });
    }
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const go = () => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = () => {
        this.#waiting.delete(go);
        reject(signal.reason);
      };
      this.#waiting.add(go);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }
}
