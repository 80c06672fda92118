/** Arithmetic on 64-bit words, as bigints below 2^64. */

export function u64(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}

export function rotate64(word: bigint, bits: number): bigint {
  return u64(word << BigInt(bits)) | (word >> BigInt(64 - bits));
}

/** The little-endian word at an offset. */
export function word64(bytes: Uint8Array, offset: number): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(offset, true);
}
