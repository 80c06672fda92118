/**
 * The time by which rows are too old. A clock that is wrong, since the host booted with it or because it was set, must not cost the
 * whole history: not while the process runs, and not where it starts again meanwhile. Pure.
 */

const MS = 1_000_000n;
/** A watermark that is ahead or behind by more than this is so because the clock was set. */
const JUMP_NS = 3_600_000_000_000n;
/** A clock that shows the new time for this long is right. */
const TRUST_MS = 24 * 3_600_000;

/** What outlives a process. */
export interface RetentionTime {
  /** The time by which the clock was last right, nanoseconds since 1970. */
  readonly time: bigint;
  /** For how long it has been ahead since, milliseconds of running time; below 0: behind. */
  readonly jumpedMs: number;
}

/** Follows the watermark, but a jump only after a day. */
export class RetentionClock {
  #time: bigint | undefined;
  #jumpedMs: number;
  #uptimeMs: number | undefined;

  /** @param kept What an earlier process knew; without it, the first watermark is right. */
  constructor(kept?: RetentionTime) {
    this.#time = kept?.time;
    this.#jumpedMs = kept?.jumpedMs ?? 0;
  }

  /** What to keep for the next process; undefined before the first watermark. */
  get kept(): RetentionTime | undefined {
    return this.#time === undefined ? undefined : { time: this.#time, jumpedMs: Math.trunc(this.#jumpedMs) };
  }

  /**
   * The time by which rows are too old.
   *
   * @param uptimeMs Milliseconds on a clock that cannot be set.
   */
  now(watermark: bigint, uptimeMs: number): bigint {
    const elapsedMs = uptimeMs - (this.#uptimeMs ?? uptimeMs);
    this.#uptimeMs = uptimeMs;
    const expected = (this.#time ?? watermark) + BigInt(Math.floor(elapsedMs)) * MS;
    const ahead = watermark - expected;
    const direction = ahead > JUMP_NS ? 1 : ahead < -JUMP_NS ? -1 : 0;
    // At least one, so that its sign is known.
    if (direction !== Math.sign(this.#jumpedMs)) this.#jumpedMs = direction;
    else this.#jumpedMs += direction * elapsedMs;
    if (direction !== 0 && Math.abs(this.#jumpedMs) < TRUST_MS) {
      this.#time = expected;
      return watermark < expected ? watermark : expected;
    }
    this.#time = watermark;
    this.#jumpedMs = 0;
    return watermark;
  }
}
