/** The number that places a real in rings: a hash of its address, the same on every balancer. */
import { addressBytes } from '@weir/ebpf/address';
import { spooky128 } from './spooky.js';
import { u64 } from './words.js';

const FAMILY_V4 = 2n;
const FAMILY_V6 = 10n;

/** FNV-1 with 32 bits; bytes above 127 are negative, as C's plain `char` on x86. */
export function fnv32(bytes: Uint8Array): number {
  let hash = 2166136261;
  for (const byte of bytes) hash = Math.imul(hash, 16777619) ^ ((byte << 24) >> 24);
  return hash >>> 0;
}

/** Mixes two words into one, as CityHash's Hash128to64 does with its upper and lower word. */
export function mixWords(upper: bigint, lower: bigint): bigint {
  const multiplier = 0x9ddfea08eb382d69n;
  let a = u64((lower ^ upper) * multiplier);
  a ^= a >> 47n;
  let b = u64((upper ^ a) * multiplier);
  b ^= b >> 47n;
  return u64(b * multiplier);
}

/**
 * The seed of a real's order of slots, 64 bits: FNV-1 (IPv4) or SpookyHash V2 (IPv6), mixed as by CityHash.
 *
 * @param port The real's port, where it is not the service's; else 0.
 * @throws OptionError for an invalid address.
 */
export function addressSeed(address: string, port = 0): bigint {
  const bytes = addressBytes(address);
  const seed =
    bytes.length === 4
      ? mixWords(FAMILY_V4, BigInt(fnv32(bytes)))
      : mixWords(FAMILY_V6, mixWords(...spooky128(bytes)));
  return port === 0 ? seed : mixWords(seed, BigInt(port));
}
