/** Austin Appleby's MurmurHash3_x64_128 for a single block of two 64-bit words, the only length that rings need. */
import { rotate64, u64 } from './words.js';

const C1 = 0x87c37b91114253d5n;
const C2 = 0x4cf5ad432745937fn;
const LENGTH = 16n;

/** Spreads every bit of a word over the whole word. */
function avalanche(word: bigint): bigint {
  word = u64((word ^ (word >> 33n)) * 0xff51afd7ed558ccdn);
  word = u64((word ^ (word >> 33n)) * 0xc4ceb9fe1a85ec53n);
  return word ^ (word >> 33n);
}

/** The low 64 bits of the hash of `a` and `b`, each as eight little-endian bytes. */
export function murmur3Pair(a: bigint, b: bigint, seed: bigint): bigint {
  let low = seed ^ u64(rotate64(u64(a * C1), 31) * C2);
  low = u64((rotate64(low, 27) + seed) * 5n + 0x52dce729n);
  let high = seed ^ u64(rotate64(u64(b * C2), 33) * C1);
  high = u64((rotate64(high, 31) + low) * 5n + 0x38495ab5n);
  low ^= LENGTH;
  high ^= LENGTH;
  low = u64(low + high);
  high = u64(high + low);
  return u64(avalanche(low) + avalanche(high));
}
