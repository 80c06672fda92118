/** Counts of what a test makes, where more of the same shows little more. */

/** The share of them that is made here, of 1: `npm test` lets guests, which are slow, make fewer (docs/lab.md). */
const share = Number(process.env.WEIR_SCALE ?? 1);

/** @param count On this machine. */
export function atScale(count: number): number {
  return Math.ceil(count * share);
}
