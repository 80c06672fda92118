/** When a receiver that failed is tried again. Pure. */

const FIRST_MS = 500;
const MOST_MS = 15_000;
/** A receiver may ask for a longer pause, but not for any. */
const MOST_ASKED_MS = 5 * 60_000;

/** Waits that double, each shortened by chance, so that hosts do not come back at the same moment. */
export class BackOff {
  readonly #random: () => number;
  #failures = 0;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** The next wait, milliseconds. @param askedMs What the receiver asked for. */
  next(askedMs?: number): number {
    const most = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(this.#failures, 10));
    this.#failures++;
    const own = most * (0.5 + 0.5 * this.#random());
    return Math.max(own, Math.min(askedMs ?? 0, MOST_ASKED_MS));
  }

  /** It works again. */
  reset(): void {
    this.#failures = 0;
  }
}

/**
 * The wait that the header Retry-After asks for: seconds, or a date.
 *
 * @returns Milliseconds; undefined where it says nothing.
 */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}
