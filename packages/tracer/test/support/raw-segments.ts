/** TCP segments of a peer that is no socket: it answers nothing, and acknowledges nothing. */
import { closeSync } from 'node:fs';
import { parseMappedPrefix } from '@weir/ebpf/address';
import { createArena, syscall } from '@weir/ebpf/sys';

const AF_INET = 2;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0x80000;
const IPPROTO_TCP = 6;
/** The sender writes the IP header. */
const IPPROTO_RAW = 255;
const IP_HEADER = 20;
const TCP_HEADER = 20;

export const TcpFlag = { syn: 2, rst: 4 } as const;

export interface Segment {
  readonly from: { readonly address: string; readonly port: number };
  readonly to: { readonly address: string; readonly port: number };
  readonly sequence: number;
  readonly flags: number;
  /** A multiple of four bytes. */
  readonly options?: readonly number[];
  readonly payload?: string;
}

/** Sends segments in the network namespace in which it was made. */
export class RawSegments implements Disposable {
  readonly #fd = syscall('socket', AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
  readonly #arena = createArena(256);

  send(segment: Segment): void {
    const { address, bytes, view } = this.#arena;
    const packet = encode(segment);
    view.setUint16(0, AF_INET, true);
    view.setUint16(2, 0);
    bytes.set(ipv4(segment.to.address), 4);
    bytes.set(packet, 16);
    syscall('sendto', this.#fd, address + 16, packet.length, 0, address, 16);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

const ipv4 = (text: string): Uint8Array => parseMappedPrefix(text).address.subarray(12);

/** The kernel fills in the length and the checksum of the IP header. */
function encode({ from, to, sequence, flags, options = [], payload = '' }: Segment): Uint8Array {
  const start = IP_HEADER + TCP_HEADER + options.length;
  const packet = Buffer.alloc(start + payload.length);
  packet.writeUInt8(0x45, 0);
  packet.writeUInt8(64, 8);
  packet.writeUInt8(IPPROTO_TCP, 9);
  packet.set(ipv4(from.address), 12);
  packet.set(ipv4(to.address), 16);
  packet.writeUInt16BE(from.port, IP_HEADER);
  packet.writeUInt16BE(to.port, IP_HEADER + 2);
  packet.writeUInt32BE(sequence, IP_HEADER + 4);
  packet.writeUInt8(((TCP_HEADER + options.length) / 4) << 4, IP_HEADER + 12);
  packet.writeUInt8(flags, IP_HEADER + 13);
  packet.writeUInt16BE(64_240, IP_HEADER + 14);
  packet.set(options, IP_HEADER + TCP_HEADER);
  packet.write(payload, start, 'latin1');
  packet.writeUInt16BE(checksum(packet), IP_HEADER + 16);
  return packet;
}

/** The checksum of a segment, over a pseudo header as well. */
function checksum(packet: Buffer): number {
  const segment = packet.subarray(IP_HEADER);
  let sum = IPPROTO_TCP + segment.length;
  for (let at = 12; at < IP_HEADER; at += 2) sum += packet.readUInt16BE(at);
  for (let at = 0; at < segment.length; at++) sum += segment[at]! << (at % 2 === 0 ? 8 : 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
