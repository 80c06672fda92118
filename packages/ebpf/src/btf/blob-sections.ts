/** The sections of a BTF blob, and where each type lies. */
import { endianness } from 'node:os';
import { FormatError } from '../errors.js';
import {
  btfMagic,
  btfVersion,
  headerSize,
  type KindLayout,
  kindLayouts,
  kindMask,
  kindShift,
  typeHeaderSize,
  vlenMask,
} from './layout.js';
import { Kind } from './types.js';

/** A part of a blob. */
export interface Extent {
  readonly start: number;
  readonly length: number;
}

/** What a blob's header says. */
export interface Sections {
  readonly littleEndian: boolean;
  readonly types: Extent;
  readonly strings: Extent;
  readonly layout: Extent;
}

/**
 * Reads and checks the header.
 * @param split The blob continues the strings of a base, which begin with the empty one; its own need not.
 * @throws FormatError
 */
export function parseHeader(bytes: Uint8Array, split = false): Sections {
  if (bytes.length < headerSize) throw new FormatError(`BTF: ${bytes.length} bytes are too few for a header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const littleEndian = view.getUint16(0, true) === btfMagic;
  if (!littleEndian && view.getUint16(0, false) !== btfMagic)
    throw new FormatError('BTF: the magic number is missing');
  if (bytes[2] !== btfVersion) throw new FormatError(`BTF: version ${bytes[2]} is unknown`);
  const u32 = (offset: number) => view.getUint32(offset, littleEndian);
  const header = u32(4);
  if (header < headerSize || header > bytes.length) throw new FormatError(`BTF: a header of ${header} bytes`);
  const extent = (what: string, field: number): Extent => {
    const start = header + u32(field);
    const length = u32(field + 4);
    if (start + length > bytes.length)
      throw new FormatError(`BTF: the ${what} section ends outside the blob`);
    return { start, length };
  };
  const types = extent('type', 8);
  const strings = extent('string', 16);
  const layout = header >= headerSize + 8 ? extent('layout', headerSize) : { start: 0, length: 0 };
  if (strings.length > 0 && bytes[strings.start + strings.length - 1] !== 0)
    throw new FormatError('BTF: the string section does not end with a NUL');
  if (!split && strings.length > 0 && bytes[strings.start] !== 0)
    throw new FormatError('BTF: the string section does not begin with a NUL');
  return { littleEndian, types, strings, layout };
}

export interface TypeTable {
  /** For each type the word of the type section that it begins with. */
  readonly positions: Uint32Array;
  /** For each type where its name begins in the strings, 0 where it has none. */
  readonly nameOffsets: Uint32Array;
}

/** Words of a kind that is not known: more than any section has. */
const UNKNOWN = 0x7fff_ffff;

/** Walks all types once and notes where each begins, and its name. @throws FormatError */
export function indexTypes(bytes: Uint8Array, { littleEndian, types, layout }: Sections): TypeTable {
  const words = wordsOf(bytes, types, littleEndian);
  const headerWords = typeHeaderSize / 4;
  const most = Math.floor(words.length / headerWords);
  const positions = new Uint32Array(most);
  const nameOffsets = new Uint32Array(most);
  const { fixed, element } = wordLayouts(bytes, layout);
  // A type that is cut off has its header at least; behind the last that has, no word is read.
  const end = words.length - headerWords + 1;
  let count = 0;
  let position = 0;
  // Most of a start's time with the kernel's types: nothing more than this is done for each, and checked behind the last.
  for (; position < end; count++) {
    nameOffsets[count] = words[position]!;
    positions[count] = position;
    const info = words[position + 1]!;
    position += fixed[info >>> kindShift]! + element[info >>> kindShift]! * (info & vlenMask);
  }
  if (position * 4 !== types.length) throw incomplete(words, positions[count - 1] ?? 0, position, count);
  // Memory behind the last type was never touched, and is not the process's.
  return { positions: positions.subarray(0, count), nameOffsets: nameOffsets.subarray(0, count) };
}

/** Why the types do not end where their section does. @param last Where the last of them begins. */
function incomplete(words: Uint32Array, last: number, end: number, count: number): FormatError {
  if (end <= words.length) return new FormatError('BTF: the type section ends within a type');
  const kind = (words[last + 1]! >>> kindShift) & kindMask;
  if (end - last >= UNKNOWN) return new FormatError(`BTF: type ${count} is of unknown kind ${kind}`);
  return new FormatError(`BTF: type ${count} ends outside the type section`);
}

/** The whole words of the type section, in this machine's byte order. */
function wordsOf(bytes: Uint8Array, { start, length }: Extent, littleEndian: boolean): Uint32Array {
  const whole = length & ~3;
  const offset = bytes.byteOffset + start;
  const isNative = littleEndian === (endianness() === 'LE');
  if (isNative && offset % 4 === 0) return new Uint32Array(bytes.buffer, offset, whole / 4);
  const copy = new Uint8Array(bytes.subarray(start, start + whole));
  if (!isNative) Buffer.from(copy.buffer).swap32();
  return new Uint32Array(copy.buffer);
}

/**
 * Words of each kind without its elements, and words of each of these, by the uppermost byte of a type's information: the kind, and a
 * flag that does not matter here.
 */
function wordLayouts(bytes: Uint8Array, layout: Extent): { fixed: Uint32Array; element: Uint8Array } {
  const fixed = new Uint32Array(2 * (kindMask + 1)).fill(UNKNOWN);
  const element = new Uint8Array(fixed.length);
  for (let kind = 0; kind <= kindMask; kind++) {
    const known = kindLayouts[kind] ?? declaredLayout(bytes, layout, kind);
    if (known === undefined) continue;
    if (known.fixed % 4 !== 0 || known.element % 4 !== 0) continue;
    for (const byte of [kind, kind + kindMask + 1]) {
      fixed[byte] = (typeHeaderSize + known.fixed) / 4;
      element[byte] = known.element / 4;
    }
  }
  return { fixed, element };
}

/** The layout the blob itself declares for a kind, as kernels from 7.1 on may do: u8 fixed, u8 element, u16 flags. */
function declaredLayout(bytes: Uint8Array, layout: Extent, kind: number): KindLayout | undefined {
  if (kind === Kind.void || (kind + 1) * 4 > layout.length) return undefined;
  const position = layout.start + kind * 4;
  return { fixed: bytes[position]!, element: bytes[position + 1]! };
}
