/** Wall-clock time for moments of the kernel's monotonic clock. */
import { nanosecondsText } from './digits.js';

const NS_PER_SECOND = 1_000_000_000;
/** Offsets that are remembered, for events from before a change that are read after it. */
const OFFSETS = 64;

/** The wall clock's distance from the monotonic one, from a moment on. Seconds and nanoseconds are kept apart. */
interface Offset {
  readonly fromNs: number;
  readonly seconds: number;
  readonly ns: number;
}

/**
 * Turns monotonic nanoseconds into RFC 3339 text in UTC with nanoseconds. Seconds and nanoseconds are kept apart, since a
 * wall-clock time in nanoseconds does not fit a JavaScript number.
 */
export class WallClock {
  /** The newest first. */
  #offsets: readonly [Offset, ...Offset[]];
  /** The one found last, which most moments have that are asked for together, and the moment before which it holds. */
  #found: Offset;
  #foundUntilNs = Number.POSITIVE_INFINITY;
  #cachedSecond = Number.NaN;
  #cachedText = '';
  #dottedOf = '';
  #dotted = '';
  /** The wall-clock time that {@link locate} found: seconds since 1970. */
  second = 0;
  /** Nanoseconds beyond that. */
  nanosecond = 0;

  /** @param offsetNs The time since 1970 less that of the monotonic clock, nanoseconds. */
  constructor(offsetNs: bigint) {
    this.#found = asOffset(offsetNs, Number.NEGATIVE_INFINITY);
    this.#offsets = [this.#found];
  }

  /**
   * Follows a wall clock that was set or has drifted. Earlier moments keep their time.
   *
   * @param fromNs The moment from which the offset holds, CLOCK_MONOTONIC; not before that of the last call.
   */
  setOffset(offsetNs: bigint, fromNs: number): void {
    this.#offsets = [asOffset(offsetNs, fromNs), ...this.#offsets.slice(0, OFFSETS - 1)];
    this.#foundUntilNs = Math.min(this.#foundUntilNs, fromNs);
  }

  /** Finds the wall-clock time of a moment: see {@link second} and {@link nanosecond}. @param monotonicNs CLOCK_MONOTONIC. */
  locate(monotonicNs: number): void {
    const offset = this.#offsetAt(monotonicNs);
    const second = Math.floor(monotonicNs / NS_PER_SECOND);
    const ns = monotonicNs - second * NS_PER_SECOND + offset.ns;
    const carry = ns >= NS_PER_SECOND ? 1 : 0;
    this.second = second + offset.seconds + carry;
    this.nanosecond = ns - carry * NS_PER_SECOND;
  }

  /** Whether the wall clock was not set at a moment or later. */
  isSteadySince(monotonicNs: number): boolean {
    return monotonicNs >= this.#offsets[0].fromNs;
  }

  /** The second that was located, as RFC 3339 without a zone. */
  secondText(): string {
    if (this.second !== this.#cachedSecond) {
      this.#cachedSecond = this.second;
      this.#cachedText = new Date(this.second * 1000).toISOString().slice(0, 19);
    }
    return this.#cachedText;
  }

  /** @param monotonicNs CLOCK_MONOTONIC, nanoseconds. */
  format(monotonicNs: number): string {
    this.locate(monotonicNs);
    const second = this.secondText();
    if (second !== this.#dottedOf) {
      this.#dottedOf = second;
      this.#dotted = `${second}.`;
    }
    return this.#dotted + nanosecondsText(this.nanosecond);
  }

  #offsetAt(monotonicNs: number): Offset {
    if (monotonicNs >= this.#found.fromNs && monotonicNs < this.#foundUntilNs) return this.#found;
    const offsets = this.#offsets;
    const index = offsets.findIndex(({ fromNs }) => monotonicNs >= fromNs);
    this.#found = offsets.at(index)!;
    this.#foundUntilNs = index > 0 ? offsets[index - 1]!.fromNs : Number.POSITIVE_INFINITY;
    if (index < 0) this.#foundUntilNs = this.#found.fromNs;
    return this.#found;
  }
}

/** A clock may be set to before the start of the monotonic one: the part in nanoseconds is never negative. */
function asOffset(offsetNs: bigint, fromNs: number): Offset {
  const perSecond = BigInt(NS_PER_SECOND);
  const ns = ((offsetNs % perSecond) + perSecond) % perSecond;
  return { fromNs, seconds: Number((offsetNs - ns) / perSecond), ns: Number(ns) };
}
