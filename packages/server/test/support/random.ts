/** Reproducible randomness for property tests. */

/** Whole numbers from 0 to below a limit (xorshift32). @param start Any number but 0: the same one gives the same numbers. */
export function randomNumbers(start: number): (limit: number) => number {
  let state = start | 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.floor(((state >>> 0) / 2 ** 32) * limit);
  };
}
