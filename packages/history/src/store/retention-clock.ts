/** The time by which rows are too old. A clock that is set forward by mistake must not cost the whole history. Pure. */

const MS = 1_000_000n;
/** A watermark that runs ahead by more than this does so because the clock was set. */
const JUMP_NS = 3_600_000_000_000n;
/** A clock that shows the new time for this long is right. */
const TRUST_MS = 24 * 3_600_000;

/** Follows the watermark, but a jump forward only after a day. */
export class RetentionClock {
  #base: { readonly watermark: bigint; readonly uptimeMs: number } | undefined;
  #jumpedMs: number | undefined;

  /**
   * The time by which rows are too old.
   *
   * @param uptimeMs Milliseconds on a clock that cannot be set.
   */
  now(watermark: bigint, uptimeMs: number): bigint {
    const base = this.#base ?? { watermark, uptimeMs };
    this.#base = base;
    const expected = base.watermark + BigInt(Math.floor(uptimeMs - base.uptimeMs)) * MS;
    const isAhead = watermark > expected + JUMP_NS;
    if (isAhead) this.#jumpedMs ??= uptimeMs;
    else this.#jumpedMs = undefined;
    if (isAhead && uptimeMs - this.#jumpedMs! < TRUST_MS) return expected;
    if (isAhead) this.#jumpedMs = undefined;
    this.#base = { watermark, uptimeMs };
    return watermark;
  }
}
