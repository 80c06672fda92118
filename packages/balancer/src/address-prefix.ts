/** Prefixes as keys of the program's tables. */
import { addressText, type Prefix } from './address.js';
import { encode } from './datapath/encode.js';
import { readAddressPrefix, sizeofAddressPrefix, writeAddressPrefix } from './generated/balancer.js';

/** The key of a prefix in `vip_addresses` and `source_routes`. */
export function addressPrefixKey({ words, ipv6, bits }: Prefix): Uint8Array {
  const value = { prefixBits: 32 + bits, ipv6: Number(ipv6), address: words };
  return encode(sizeofAddressPrefix, writeAddressPrefix, value);
}

/** The prefix that a key means. */
export function prefixOfKey(key: Uint8Array): string {
  const { prefixBits, ipv6, address } = readAddressPrefix(new DataView(key.buffer, key.byteOffset), 0);
  const bytes = new Uint8Array(address.buffer, address.byteOffset, ipv6 === 0 ? 4 : 16);
  return `${addressText(bytes)}/${prefixBits - 32}`;
}
