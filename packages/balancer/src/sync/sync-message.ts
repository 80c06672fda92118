/** Datagrams between balancers: encoded, authenticated, decoded. Pure. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { addressBytes, formatAddress } from '@weir/ebpf/address';
import type { Protocol } from '../service.js';
import { decodeRemoval, encodeRemoval, type Removal } from './removal.js';

/** A flow that balancers share, without numbers that only one of them knows. */
export interface SharedFlow {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  /** 0 where the service does not count it. */
  readonly destinationPort: number;
  readonly protocol: Protocol;
  /** The address of the flow's real. */
  readonly real: string;
  /** Whether a source route or a server id chose the real. */
  readonly byRule: boolean;
  /** Time since the last use, milliseconds. */
  readonly idleMs: number;
}

/**
 * `flows`: flows, or none as a keepalive. `request`: asks for a copy of all flows. `end`: the copy is complete. `remove`: flows
 * are to be removed.
 */
export type SyncKind = 'flows' | 'request' | 'end' | 'remove';

export interface SyncHeader {
  readonly kind: SyncKind;
  /** Random, made at each start of a sender: 16 hexadecimal digits. */
  readonly boot: string;
  /** Counts a sender's datagrams, from 1. */
  readonly sequence: number;
  /** The sender's clock, milliseconds since 1970. */
  readonly timeMs: number;
}

export interface SyncMessage extends SyncHeader {
  readonly flows: readonly SharedFlow[];
  /** With the kind `remove`. */
  readonly removal?: Removal;
}

/** Why a datagram was refused. */
export type SyncRefusal = 'malformed' | 'version' | 'key';

const MAGIC = 0x5746;
const VERSION = 1;
const HEADER_BYTES = 32;
const TAG_BYTES = 32;
const RECORD_BYTES = 7;
const LARGEST_RECORD = RECORD_BYTES + 3 * 16;

/** Bytes of a datagram besides its flows. */
export const SYNC_OVERHEAD = HEADER_BYTES + TAG_BYTES;

const kinds: readonly SyncKind[] = ['flows', 'request', 'end', 'remove'];

/** The first byte of a flow. */
const Bit = { ipv6: 1, udp: 2, real6: 4, rule: 8 } as const;

/** Bytes of a flow in a datagram. */
export function flowBytes({ source, real }: SharedFlow): number {
  return RECORD_BYTES + (source.includes(':') ? 32 : 8) + (real.includes(':') ? 16 : 4);
}

/** Encodes a datagram and signs it. */
export function encodeSync(header: SyncHeader, flows: readonly SharedFlow[], key: Uint8Array): Buffer {
  const bytes = Buffer.alloc(SYNC_OVERHEAD + flows.length * LARGEST_RECORD);
  writeHeader(bytes, header, flows.length);
  let at = HEADER_BYTES;
  for (const flow of flows) at = encodeFlow(bytes, at, flow);
  return signed(bytes, at, key);
}

/** Encodes a datagram of the kind `remove` and signs it. */
export function encodeSyncRemoval(
  header: Omit<SyncHeader, 'kind'>,
  removal: Removal,
  key: Uint8Array,
): Buffer {
  const body = encodeRemoval(removal);
  const bytes = Buffer.alloc(SYNC_OVERHEAD + body.length);
  writeHeader(bytes, { ...header, kind: 'remove' }, 0);
  body.copy(bytes, HEADER_BYTES);
  return signed(bytes, HEADER_BYTES + body.length, key);
}

function writeHeader(bytes: Buffer, header: SyncHeader, count: number): void {
  bytes.writeUInt16BE(MAGIC, 0);
  bytes[2] = VERSION;
  bytes[3] = kinds.indexOf(header.kind);
  bytes.writeUInt16BE(count, 4);
  bytes.write(header.boot, 8, 'hex');
  bytes.writeBigUInt64BE(BigInt(header.sequence), 16);
  bytes.writeBigUInt64BE(BigInt(header.timeMs), 24);
}

/** Signs the bytes before `end`, and puts the signature there. */
function signed(bytes: Buffer, end: number, key: Uint8Array): Buffer {
  sign(bytes.subarray(0, end), key).copy(bytes, end);
  return bytes.subarray(0, end + TAG_BYTES);
}

function encodeFlow(bytes: Buffer, at: number, flow: SharedFlow): number {
  const { source, destination, real, protocol, byRule } = flow;
  const ends = [source, destination, real].map(addressBytes);
  const [first, , last] = ends;
  bytes[at] =
    (first!.length === 16 ? Bit.ipv6 : 0) |
    (protocol === 'udp' ? Bit.udp : 0) |
    (last!.length === 16 ? Bit.real6 : 0) |
    (byRule ? Bit.rule : 0);
  bytes.writeUInt16BE(Math.min(65_535, Math.round(flow.idleMs / 1000)), at + 1);
  bytes.writeUInt16BE(flow.sourcePort, at + 3);
  bytes.writeUInt16BE(flow.destinationPort, at + 5);
  let next = at + RECORD_BYTES;
  for (const end of ends) {
    bytes.set(end, next);
    next += end.length;
  }
  return next;
}

/**
 * Decodes a datagram that one of the keys has signed. Nothing of another one is looked at but its length and version.
 *
 * @param keys Those that are accepted.
 */
export function decodeSync(bytes: Buffer, keys: readonly Uint8Array[]): SyncMessage | SyncRefusal {
  const end = bytes.length - TAG_BYTES;
  if (end < HEADER_BYTES || bytes.readUInt16BE(0) !== MAGIC) return 'malformed';
  if (bytes[2] !== VERSION) return 'version';
  const tag = bytes.subarray(end);
  if (!keys.some((key) => timingSafeEqual(sign(bytes.subarray(0, end), key), tag))) return 'key';
  const kind = kinds[bytes[3]!];
  const sequence = Number(bytes.readBigUInt64BE(16));
  const timeMs = Number(bytes.readBigUInt64BE(24));
  const body = bytes.subarray(HEADER_BYTES, end);
  if (kind === undefined || !Number.isSafeInteger(sequence)) return 'malformed';
  const header = { kind, boot: bytes.toString('hex', 8, 16), sequence, timeMs };
  if (kind === 'remove') {
    const removal = decodeRemoval(body);
    return removal === undefined ? 'malformed' : { ...header, flows: [], removal };
  }
  const flows = decodeFlows(body, bytes.readUInt16BE(4));
  return flows === undefined ? 'malformed' : { ...header, flows };
}

/** Undefined unless the bytes are exactly so many flows. */
function decodeFlows(bytes: Buffer, count: number): SharedFlow[] | undefined {
  const flows: SharedFlow[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + RECORD_BYTES > bytes.length) return undefined;
    const bits = bytes[at]!;
    const wide = bits & Bit.ipv6 ? 16 : 4;
    const ends = at + RECORD_BYTES;
    const next = ends + 2 * wide + (bits & Bit.real6 ? 16 : 4);
    if (next > bytes.length) return undefined;
    flows.push({
      source: formatAddress(bytes.subarray(ends, ends + wide)),
      sourcePort: bytes.readUInt16BE(at + 3),
      destination: formatAddress(bytes.subarray(ends + wide, ends + 2 * wide)),
      destinationPort: bytes.readUInt16BE(at + 5),
      protocol: bits & Bit.udp ? 'udp' : 'tcp',
      real: formatAddress(bytes.subarray(ends + 2 * wide, next)),
      byRule: (bits & Bit.rule) !== 0,
      idleMs: bytes.readUInt16BE(at + 1) * 1000,
    });
    at = next;
  }
  return at === bytes.length ? flows : undefined;
}

function sign(bytes: Uint8Array, key: Uint8Array): Buffer {
  return createHmac('sha256', key).update(bytes).digest();
}
