/** Frames and checksums, built byte by byte from the RFCs alone: nothing here uses the balancer's code. */
import { isIPv6 } from 'node:net';

export const BALANCER_MAC = [2, 0, 0, 0, 0, 1];
export const CLIENT_MAC = [2, 0, 0, 0, 0, 2];
export const ROUTER_MAC = [2, 0, 0, 0, 0, 3];

export type Bytes = readonly number[];

export function u16(value: number): number[] {
  return [value >> 8, value & 0xff];
}

export function u32(value: number): number[] {
  return [...u16(value >>> 16), ...u16(value & 0xffff)];
}

/** The bytes of an address. IPv6 is written with `::` or all words, without dots. */
export function address(text: string): number[] {
  if (!isIPv6(text)) return text.split('.').map(Number);
  const [head = '', tail] = text.split('::');
  const words = (part = ''): number[] =>
    part === '' ? [] : part.split(':').flatMap((word) => u16(Number.parseInt(word, 16)));
  const front = words(head);
  const back = words(tail);
  return [...front, ...new Array<number>(16 - front.length - back.length).fill(0), ...back];
}

/** The Internet checksum (RFC 1071). */
export function checksum(bytes: Bytes): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

export function pseudoHeader(source: Bytes, destination: Bytes, protocol: number, length: number): number[] {
  return source.length === 4
    ? [...source, ...destination, 0, protocol, ...u16(length)]
    : [...source, ...destination, ...u32(length), 0, 0, 0, protocol];
}

export function ethernet(destination: Bytes, source: Bytes, type: number, payload: Bytes): number[] {
  return [...destination, ...source, ...u16(type), ...payload];
}

export interface Ipv4Options {
  readonly tos?: number;
  readonly id?: number;
  readonly fragment?: number;
  readonly ttl?: number;
  readonly options?: Bytes;
  /** Length in the header. Default: the real one. */
  readonly length?: number;
}

export function ipv4(
  source: string,
  destination: string,
  protocol: number,
  payload: Bytes,
  more: Ipv4Options = {},
): number[] {
  const { tos = 0, id = 0, fragment = 0, ttl = 64, options = [] } = more;
  const size = 20 + options.length;
  const header = [
    ...[0x40 | (size / 4), tos, ...u16(more.length ?? size + payload.length)],
    ...[...u16(id), ...u16(fragment), ttl, protocol, 0, 0],
    ...[...address(source), ...address(destination), ...options],
  ];
  header.splice(10, 2, ...u16(checksum(header)));
  return [...header, ...payload];
}

export interface Ipv6Options {
  readonly trafficClass?: number;
  readonly flowLabel?: number;
  readonly hopLimit?: number;
  readonly length?: number;
}

export function ipv6(
  source: string,
  destination: string,
  next: number,
  payload: Bytes,
  more: Ipv6Options = {},
): number[] {
  const { trafficClass = 0, flowLabel = 0, hopLimit = 64 } = more;
  return [
    ...u32(((6 << 28) | (trafficClass << 20) | flowLabel) >>> 0),
    ...[...u16(more.length ?? payload.length), next, hopLimit],
    ...[...address(source), ...address(destination), ...payload],
  ];
}

const TCP_FLAGS = { fin: 1, syn: 2, rst: 4, ack: 16 } as const;

/** A client's packet. */
export interface Packet {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly protocol: 'tcp' | 'udp';
  readonly payload?: Bytes;
  readonly flags?: readonly (keyof typeof TCP_FLAGS)[];
  /** Default 1000; acknowledgement 2000, window 65535. */
  readonly sequence?: number;
  readonly acknowledgement?: number;
  readonly window?: number;
  readonly tcpOptions?: Bytes;
  /** For UDP over IPv4. */
  readonly withoutChecksum?: boolean;
  readonly tos?: number;
  /** TTL or hop limit. Default 64. */
  readonly ttl?: number;
  readonly padding?: number;
}

/** A transport segment with its checksum. */
export function segment(packet: Packet): number[] {
  const { payload = [], tcpOptions = [], sequence = 1000, acknowledgement = 2000, window = 65_535 } = packet;
  const ports = [...u16(packet.sourcePort), ...u16(packet.destinationPort)];
  const flags = (packet.flags ?? ['ack']).reduce((bits, flag) => bits | TCP_FLAGS[flag], 0);
  const isTcp = packet.protocol === 'tcp';
  const bytes = isTcp
    ? [
        ...ports,
        ...[...u32(sequence), ...u32(acknowledgement), (5 + tcpOptions.length / 4) << 4, flags],
        ...[...u16(window), 0, 0, 0, 0],
        ...tcpOptions,
        ...payload,
      ]
    : [...ports, ...u16(8 + payload.length), 0, 0, ...payload];
  const pseudo = pseudoHeader(
    address(packet.source),
    address(packet.destination),
    isTcp ? 6 : 17,
    bytes.length,
  );
  const sum = checksum([...pseudo, ...bytes]);
  if (packet.withoutChecksum !== true) bytes.splice(isTcp ? 16 : 6, 2, ...u16(isTcp ? sum : sum || 0xffff));
  return bytes;
}

/** A packet from the IP header on. */
export function ipPacket(packet: Packet): number[] {
  const { source, destination, tos = 0, ttl = 64 } = packet;
  const protocol = packet.protocol === 'tcp' ? 6 : 17;
  return isIPv6(source)
    ? ipv6(source, destination, protocol, segment(packet), { trafficClass: tos, hopLimit: ttl })
    : ipv4(source, destination, protocol, segment(packet), { tos, ttl });
}

export function etherType(ip: Bytes): number {
  return ip[0]! >> 4 === 6 ? 0x86dd : 0x0800;
}

/** A frame from the router to the balancer. */
export function toBalancer(ip: Bytes, padding = 0): Uint8Array {
  return Uint8Array.from([
    ...ethernet(BALANCER_MAC, CLIENT_MAC, etherType(ip), ip),
    ...new Array<number>(padding).fill(0xee),
  ]);
}

/** The answer to a packet. */
export function reversed(packet: Packet): Packet {
  return {
    ...packet,
    source: packet.destination,
    sourcePort: packet.destinationPort,
    destination: packet.source,
    destinationPort: packet.sourcePort,
  };
}

/** An ICMP message with its checksum. */
export function icmp4(type: number, code: number, rest: Bytes, body: Bytes): number[] {
  const bytes = [type, code, 0, 0, ...rest, ...body];
  bytes.splice(2, 2, ...u16(checksum(bytes)));
  return bytes;
}

/** The same for IPv6, whose checksum covers addresses, too. */
export function icmp6(
  source: string,
  destination: string,
  type: number,
  rest: Bytes,
  body: Bytes,
  code = 0,
): number[] {
  const bytes = [type, code, 0, 0, ...rest, ...body];
  const pseudo = pseudoHeader(address(source), address(destination), 58, bytes.length);
  bytes.splice(2, 2, ...u16(checksum([...pseudo, ...bytes])));
  return bytes;
}

export function frameOf(packet: Packet): Uint8Array {
  return toBalancer(ipPacket(packet), packet.padding);
}
