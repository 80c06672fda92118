/** Wall-clock time for moments of the kernel's monotonic clock. */

const NS_PER_SECOND = 1_000_000_000;

/** 000 to 999: joining three of these is several times faster than formatting nine digits. */
const threeDigits: readonly string[] = Array.from({ length: 1000 }, (_, n) => String(n).padStart(3, '0'));

/**
 * Turns monotonic nanoseconds into RFC 3339 text in UTC with nanoseconds. Seconds and nanoseconds are kept apart, since a
 * wall-clock time in nanoseconds does not fit a JavaScript number.
 */
export class WallClock {
  #offsetSeconds = 0;
  #offsetNs = 0;
  #cachedSecond = Number.NaN;
  #cachedText = '';

  /** @param offsetNs The time since 1970 less that of the monotonic clock, nanoseconds. */
  constructor(offsetNs: bigint) {
    this.setOffset(offsetNs);
  }

  /** Follows a wall clock that was set or has drifted. */
  setOffset(offsetNs: bigint): void {
    const perSecond = BigInt(NS_PER_SECOND);
    this.#offsetSeconds = Number(offsetNs / perSecond);
    this.#offsetNs = Number(offsetNs % perSecond);
  }

  /** @param monotonicNs CLOCK_MONOTONIC, nanoseconds. */
  format(monotonicNs: number): string {
    let second = Math.floor(monotonicNs / NS_PER_SECOND);
    let ns = monotonicNs - second * NS_PER_SECOND + this.#offsetNs;
    second += this.#offsetSeconds;
    if (ns >= NS_PER_SECOND) {
      ns -= NS_PER_SECOND;
      second++;
    }
    if (second !== this.#cachedSecond) {
      this.#cachedSecond = second;
      this.#cachedText = new Date(second * 1000).toISOString().slice(0, 19);
    }
    const us = Math.floor(ns / 1000);
    const ms = Math.floor(us / 1000);
    return `${this.#cachedText}.${threeDigits[ms]}${threeDigits[us - ms * 1000]}${threeDigits[ns - us * 1000]}Z`;
  }
}
