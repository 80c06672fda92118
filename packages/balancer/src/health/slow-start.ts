/** Weights of reals that come back: a tenth at first, then more, so that a server with cold caches is not run over. */
import type { Clock } from './clock.js';

/** Steps of a start. A ring takes milliseconds. */
const STEPS = 10;

/** Share of its weight that a real gets, 0.1 to 1. @param elapsedMs Since it came back. @param totalMs Of the whole start. */
export function startShare(elapsedMs: number, totalMs: number): number {
  if (totalMs <= 0) return 1;
  return Math.min(STEPS, 1 + Math.floor((elapsedMs / totalMs) * STEPS)) / STEPS;
}

/** Follows the starts of a service's reals. */
export class SlowStarts {
  readonly #clock: Clock;
  readonly #onStep: () => void;
  /** By the reals' keys. */
  readonly #starts = new Map<
    string,
    { readonly since: number; readonly totalMs: number; cancel: () => void }
  >();

  /** @param onStep Called when a share has changed. */
  constructor(clock: Clock, onStep: () => void) {
    this.#clock = clock;
    this.#onStep = onStep;
  }

  /** A real has come back. */
  begin(key: string, totalMs: number): void {
    this.end(key);
    if (totalMs <= 0) return;
    this.#starts.set(key, { since: this.#clock.now(), totalMs, cancel: () => {} });
    this.#plan(key);
  }

  /** A real is down, or is no more. */
  end(key: string): void {
    this.#starts.get(key)?.cancel();
    this.#starts.delete(key);
  }

  /** Ends all. */
  clear(): void {
    for (const key of [...this.#starts.keys()]) this.end(key);
  }

  /** The share of its weight that a real gets now. */
  share(key: string): number {
    const start = this.#starts.get(key);
    return start === undefined ? 1 : startShare(this.#clock.now() - start.since, start.totalMs);
  }

  #plan(key: string): void {
    const start = this.#starts.get(key)!;
    start.cancel = this.#clock.after(start.totalMs / STEPS, () => {
      if (this.share(key) === 1) this.#starts.delete(key);
      else this.#plan(key);
      this.#onStep();
    });
  }
}
