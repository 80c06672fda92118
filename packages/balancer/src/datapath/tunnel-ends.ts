/** The program's table of addresses at which tunnels end. */

import type { BpfMap } from '@weir/ebpf';
import { formatAddress } from '@weir/ebpf/address';
import { keyAddress, keyBytes } from '../address.js';
import { readTunnelEnd, sizeofTunnelEnd, writeTunnelEnd } from '../generated/decapsulate.js';
import { encode, encodeNumber } from './encode.js';

/** Addresses in a program's table of tunnel ends. */
export function tunnelEnds(map: BpfMap): string[] {
  return [...map.keys()].map((key) => {
    const { address, ipv6 } = readTunnelEnd(new DataView(key.buffer, key.byteOffset), 0);
    return formatAddress(keyBytes({ words: address, ipv6: ipv6 !== 0 }));
  });
}

/** Adds an address to a program's table of tunnel ends, or removes it. */
export function setTunnelEnd(map: BpfMap, address: string, ends: boolean): void {
  const { words, ipv6 } = keyAddress(address);
  const key = encode(sizeofTunnelEnd, writeTunnelEnd, { address: words, ipv6: Number(ipv6) });
  if (ends) map.update(key, encodeNumber(1));
  else map.delete(key);
}
