/** Writes pcapng files (draft-ietf-opsawg-pcapng) of Ethernet frames with comments, which Wireshark shows. */

/** A packet with a comment. */
export interface CommentedPacket {
  /** Time since 1970, nanoseconds. */
  readonly timeNs: bigint;
  /** The captured bytes, from the Ethernet header on. */
  readonly bytes: Uint8Array;
  /** Bytes of the whole frame. */
  readonly length: number;
  readonly comment: string;
}

const ETHERNET = 1;
const Block = { interface: 1, statistics: 5, enhancedPacket: 6, section: 0x0a0d0d0a } as const;
/** Numbers of options, some of which mean something else in other blocks. */
const Option = {
  comment: 1,
  interfaceName: 2,
  userApplication: 4,
  interfaceDropped: 5,
  timeResolution: 9,
} as const;

/** The beginning of a file: one section with one interface. */
export function pcapngHeader(device: string, application: string): Uint8Array {
  // Byte order, version 1.0, and an unknown length of the section.
  const section = [u32(0x1a2b3c4d), u16(1), u16(0), u32(0xffffffff), u32(0xffffffff)];
  return Buffer.concat([
    block(Block.section, [...section, ...options([Option.userApplication, text(application)])]),
    block(Block.interface, [
      ...[u16(ETHERNET), u16(0), u32(0)],
      // 10⁻⁹ s.
      ...options([Option.interfaceName, text(device)], [Option.timeResolution, Uint8Array.of(9)]),
    ]),
  ]);
}

/** A packet as a block of a pcapng file. */
export function pcapngPacket({ timeNs, bytes, length, comment }: CommentedPacket): Uint8Array {
  return block(Block.enhancedPacket, [
    u32(0),
    ...time(timeNs),
    ...[u32(bytes.length), u32(length), padded(bytes)],
    ...options([Option.comment, text(comment)]),
  ]);
}

/**
 * The end of a file: how many packets were lost for want of room.
 *
 * @param timeNs Time since 1970, nanoseconds.
 */
export function pcapngStatistics(timeNs: bigint, dropped: number): Uint8Array {
  return block(Block.statistics, [
    u32(0),
    ...time(timeNs),
    ...options([Option.interfaceDropped, u64(BigInt(dropped))]),
  ]);
}

function block(type: number, parts: readonly Uint8Array[]): Uint8Array {
  const size = u32(12 + parts.reduce((sum, { length }) => sum + length, 0));
  return Buffer.concat([u32(type), size, ...parts, size]);
}

function options(...list: readonly (readonly [number, Uint8Array])[]): Uint8Array[] {
  return [...list.flatMap(([code, value]) => [u16(code), u16(value.length), padded(value)]), u32(0)];
}

/** A time, whose high half comes first in either byte order. */
function time(ns: bigint): Uint8Array[] {
  return [u32(Number(ns >> 32n)), u32(Number(ns & 0xffffffffn))];
}

function padded(bytes: Uint8Array): Uint8Array {
  return bytes.length % 4 === 0 ? bytes : Buffer.concat([bytes, new Uint8Array(4 - (bytes.length % 4))]);
}

/** A text, cut to the largest length of an option. */
function text(value: string): Uint8Array {
  return new TextEncoder().encode(value).subarray(0, 0xffff);
}

function u16(value: number): Uint8Array {
  return new Uint8Array(Uint16Array.of(value).buffer);
}

function u32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

function u64(value: bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(value).buffer);
}
