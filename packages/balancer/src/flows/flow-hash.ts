/** The hashes of bpf/flow-table.h: a flow's identity, and the bucket in which it lies. */

/** The words at which multipliers begin in the program's random numbers. */
const SECOND_HASH = 9;
const BUCKET_HASH = 18;
const MASK = 2n ** 64n - 1n;

/** The upper 32 bits of a product of 32-bit words. */
function productHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const other = aLow * bHigh + (middle & 0xffff);
  return aHigh * bHigh + (middle >>> 16) + (other >>> 16);
}

export class FlowHash {
  readonly #words: Uint32Array;
  readonly #secrets: BigUint64Array;

  /** @param secrets The program's random numbers, `flow_secrets`. */
  constructor(secrets: Uint8Array) {
    const copy = secrets.slice();
    this.#words = new Uint32Array(copy.buffer);
    this.#secrets = new BigUint64Array(copy.buffer);
  }

  /** The lower word of an IPv6 flow's id. @param ends Four words of the source, four of the destination. */
  low(ends: Uint32Array): number {
    return this.#sum(ends, SECOND_HASH);
  }

  /** The upper word of an IPv6 flow's id. */
  high(ends: Uint32Array): number {
    return this.#sum(ends, 0);
  }

  /** The index of a flow's bucket. @param buckets Buckets of each table. */
  bucket(id: { readonly low: number; readonly high: number }, ports: number, buckets: number): number {
    const first = this.#secrets[BUCKET_HASH]! | 1n;
    let hash = (((BigInt(id.high) << 32n) | BigInt(id.low)) ^ this.#secrets[0]!) & MASK;
    hash = (hash * first) & MASK;
    hash = (((hash ^ (hash >> 32n)) + BigInt(ports)) * (this.#secrets[BUCKET_HASH + 1]! | 1n)) & MASK;
    hash ^= hash >> 29n;
    hash = (hash * first) & MASK;
    return Number(((hash >> 32n) * BigInt(buckets)) >> 32n);
  }

  /** The upper half of a sum of products, modulo 2^64. */
  #sum(ends: Uint32Array, from: number): number {
    const words = this.#words;
    let low = words[2 * (from + 8)]!;
    let high = words[2 * (from + 8) + 1]!;
    for (let i = 0; i < 8; i++) {
      const word = ends[i]!;
      const factor = words[2 * (from + i)]!;
      low += Math.imul(word, factor) >>> 0;
      high += productHigh(word, factor) + (Math.imul(word, words[2 * (from + i) + 1]!) >>> 0);
      if (low > 0xffffffff) {
        low -= 2 ** 32;
        high++;
      }
    }
    return high % 2 ** 32;
  }
}
