/** Prefixes as keys of the program's tables. */

import { formatPrefix } from '@weir/ebpf/address';
import { type KeyPrefix, keyBytes } from './address.js';
import { encode } from './datapath/encode.js';
import { readAddressPrefix, sizeofAddressPrefix, writeAddressPrefix } from './generated/balancer.js';

/** The key of a prefix in `vip_addresses` and `source_routes`. */
export function addressPrefixKey({ words, ipv6, bits }: KeyPrefix): Uint8Array {
  const value = { prefixBits: 32 + bits, ipv6: Number(ipv6), address: words };
  return encode(sizeofAddressPrefix, writeAddressPrefix, value);
}

/** The prefix that a key means. */
export function prefixOfKey(key: Uint8Array): string {
  const { prefixBits, ipv6, address } = readAddressPrefix(new DataView(key.buffer, key.byteOffset), 0);
  const bytes = keyBytes({ words: address, ipv6: ipv6 !== 0 });
  return formatPrefix({ address: bytes, bits: prefixBits - 32 });
}
