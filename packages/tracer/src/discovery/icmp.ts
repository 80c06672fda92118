/** The ICMP message that says that a TCP segment could not be delivered (RFC 792). Pure. */
import type { Endpoint } from './sockets.js';

/** Codes of "destination unreachable". */
export const UnreachableCode = { net: 0, host: 1, protocol: 2 } as const;

const DESTINATION_UNREACHABLE = 3;
const ICMP_HEADER = 8;
const IP_HEADER = 20;
/** ICMP repeats the first eight bytes of what it is about: ports and sequence number. */
const TCP_HEAD = 8;
const IPPROTO_TCP = 6;

/**
 * @param local The end that sent the segment, and hears of it.
 * @param sequence The segment's sequence number.
 */
export function icmpError(code: number, local: Endpoint, peer: Endpoint, sequence: number): Uint8Array {
  const bytes = new Uint8Array(ICMP_HEADER + IP_HEADER + TCP_HEAD);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, DESTINATION_UNREACHABLE);
  view.setUint8(1, code);
  writeIpHeader(new DataView(bytes.buffer, ICMP_HEADER), local.address, peer.address);
  const segment = ICMP_HEADER + IP_HEADER;
  view.setUint16(segment, local.port);
  view.setUint16(segment + 2, peer.port);
  view.setUint32(segment + 4, sequence);
  view.setUint16(2, checksum(view));
  return bytes;
}

function writeIpHeader(view: DataView, source: number, destination: number): void {
  view.setUint8(0, 0x45);
  view.setUint16(2, IP_HEADER + 20);
  view.setUint8(8, 64);
  view.setUint8(9, IPPROTO_TCP);
  view.setUint32(12, source);
  view.setUint32(16, destination);
}

/** The Internet checksum (RFC 1071) of an even number of bytes. */
function checksum(view: DataView): number {
  let sum = 0;
  for (let offset = 0; offset < view.byteLength; offset += 2) sum += view.getUint16(offset);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
