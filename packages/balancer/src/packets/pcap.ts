/**
 * Reads packets from capture files with Ethernet frames: pcap (draft-ietf-opsawg-pcap) and pcapng
 * (draft-ietf-opsawg-pcapng), in both byte orders.
 */
import { FormatError } from '@weir/ebpf';

/** A packet in a file. */
export interface FilePacket {
  /** The captured bytes, from the Ethernet header on. */
  readonly bytes: Uint8Array;
  /** Bytes of the whole frame. */
  readonly length: number;
}

const ETHERNET = 1;
/** Magic numbers as a big-endian reader sees them: microseconds, nanoseconds. */
const pcapMagic = { big: [0xa1b2c3d4, 0xa1b23c4d], little: [0xd4c3b2a1, 0x4d3cb2a1] } as const;
const SECTION = 0x0a0d0d0a;
const BYTE_ORDER = 0x1a2b3c4d;
const Block = { interface: 1, simplePacket: 3, enhancedPacket: 6 } as const;

/**
 * Reads all packets of a pcap or pcapng file.
 *
 * @throws FormatError if it is neither, is cut off, or is not of Ethernet.
 */
export function readPackets(file: Uint8Array): FilePacket[] {
  if (file.length < 24) throw new FormatError('not a capture file: it is shorter than a header');
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const magic = view.getUint32(0);
  if (magic === SECTION) return [...pcapngPackets(view)];
  const little = (pcapMagic.little as readonly number[]).includes(magic);
  if (!little && !(pcapMagic.big as readonly number[]).includes(magic)) {
    throw new FormatError('not a capture file: expected pcap or pcapng');
  }
  return [...pcapPackets(view, little)];
}

function* pcapPackets(view: DataView, little: boolean): Generator<FilePacket> {
  requireEthernet(view.getUint32(20, little) & 0xffff);
  for (let at = 24; at < view.byteLength; ) {
    const header = slice(view, at, 16);
    const captured = header.getUint32(8, little);
    yield packet(view, at + 16, captured, header.getUint32(12, little));
    at += 16 + captured;
  }
}

function* pcapngPackets(view: DataView): Generator<FilePacket> {
  let little = false;
  let linkTypes: number[] = [];
  let snapLength = 0;
  for (let at = 0; at < view.byteLength; ) {
    const start = slice(view, at, 12);
    const isSection = start.getUint32(0) === SECTION;
    if (isSection) {
      little = start.getUint32(8, true) === BYTE_ORDER;
      linkTypes = [];
    }
    const size = start.getUint32(4, little);
    if (size < 12 || size % 4 !== 0)
      throw new FormatError(
        `the block at byte ${at} has a length of ${size}: expected a multiple of 4 from 12 on`,
      );
    const type = isSection ? SECTION : start.getUint32(0, little);
    const body = slice(view, at + 8, size - 12);
    if (type === Block.interface) {
      linkTypes.push(slice(body, 0, 8).getUint16(0, little));
      snapLength = body.getUint32(4, little);
    } else if (type === Block.enhancedPacket) {
      const header = slice(body, 0, 20);
      requireEthernet(linkTypes[header.getUint32(0, little)] ?? -1);
      yield packet(body, 20, header.getUint32(12, little), header.getUint32(16, little));
    } else if (type === Block.simplePacket) {
      requireEthernet(linkTypes[0] ?? -1);
      const length = slice(body, 0, 4).getUint32(0, little);
      yield packet(body, 4, Math.min(length, snapLength || length, body.byteLength - 4), length);
    }
    at += size;
  }
}

function requireEthernet(linkType: number): void {
  if (linkType !== ETHERNET)
    throw new FormatError(`packets have link type ${linkType}: expected Ethernet (1)`);
}

function packet(view: DataView, at: number, captured: number, length: number): FilePacket {
  const { buffer, byteOffset } = slice(view, at, captured);
  return { bytes: new Uint8Array(buffer, byteOffset, captured), length: Math.max(length, captured) };
}

function slice(view: DataView, at: number, size: number): DataView {
  if (at + size > view.byteLength) throw new FormatError(`the file is cut off at byte ${view.byteLength}`);
  return new DataView(view.buffer, view.byteOffset + at, size);
}
