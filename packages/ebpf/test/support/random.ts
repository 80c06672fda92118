/** Reproducible randomness for property tests. */

/** A generator of numbers in [0, 1) from a seed (xorshift32). */
export function randomSource(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
