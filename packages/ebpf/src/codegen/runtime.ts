/** Functions that generated decoders call at run time. */
import { decodeBytes, encodeText } from '../byte-text.js';
import { OptionError } from '../errors.js';

export { OptionError };

/** How a value of type `T` lies in memory. */
export interface Codec<T> {
  /** Bytes. */
  readonly size: number;
  /** Decodes the value at an offset in bytes; a struct may be given to decode into, in the place of a new one. */
  read(view: DataView, offset: number, into?: T): T;
  /** Encodes a value at an offset in bytes. */
  write(view: DataView, offset: number, value: T): void;
}

/** Longest string that is cached, in bytes. Command names take 16. */
const cachedLength = 64;
const slotWords = cachedLength / 4;
const slotCount = 1024;

const cachedWords = new Uint32Array(slotCount * slotWords);
const cachedStrings = new Array<string>(slotCount).fill('');
const scratch = new Uint32Array(slotWords);

/**
 * The NUL-terminated string in a `char[length]`; bytes that are not UTF-8 are kept (byte-text.ts). Strings of up to 64 bytes are looked up by
 * their bytes in a table of fixed size before they are decoded, as the same few come again and again.
 */
export function readString(view: DataView, offset: number, length: number): string {
  if (length > cachedLength) return decodeString(view, offset, length);
  let words = 0;
  let hash = 0;
  for (let at = 0; at < length; at += 4) {
    let word =
      at + 4 <= length ? view.getUint32(offset + at, true) : readTail(view, offset + at, length - at);
    // The lowest set bit marks the first zero byte.
    const zeros = (word - 0x01010101) & ~word & 0x80808080;
    const firstZero = zeros & -zeros;
    if (zeros !== 0) word &= (firstZero >>> 7) - 1;
    scratch[words++] = word;
    hash = Math.imul(hash ^ word, 0x9e3779b1);
    hash ^= hash >>> 15;
    if (zeros !== 0) break;
  }
  const slot = (hash ^ (hash >>> 10)) & (slotCount - 1);
  const base = slot * slotWords;
  let same = true;
  for (let i = 0; i < words; i++) {
    if (cachedWords[base + i] !== scratch[i]) {
      same = false;
      break;
    }
  }
  // What follows the string in its slot must be zero, or the slot holds a longer one.
  if (same && (words === slotWords || cachedWords[base + words] === 0)) return cachedStrings[slot]!;
  const text = decodeString(view, offset, length);
  cachedWords.fill(0, base, base + slotWords);
  for (let i = 0; i < words; i++) cachedWords[base + i] = scratch[i]!;
  cachedStrings[slot] = text;
  return text;
}

/** Fewer than four bytes as a word. */
function readTail(view: DataView, offset: number, length: number): number {
  let word = 0;
  for (let i = 0; i < length; i++) word |= view.getUint8(offset + i) << (8 * i);
  return word;
}

function decodeString(view: DataView, offset: number, length: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + offset, length);
  const end = bytes.indexOf(0);
  return decodeBytes(end < 0 ? bytes : bytes.subarray(0, end));
}

/**
 * Writes a string into a `char[length]` and fills the rest with zeros.
 * @throws OptionError if the string with its terminating NUL does not fit.
 */
export function writeString(view: DataView, offset: number, length: number, text: string): void {
  const bytes = encodeText(text);
  if (bytes.length >= length) {
    throw new OptionError(`${JSON.stringify(text)} has ${bytes.length} bytes, at most ${length - 1} fit`);
  }
  const target = new Uint8Array(view.buffer, view.byteOffset + offset, length);
  target.fill(0, bytes.length);
  target.set(bytes);
}

/** Makes a codec of its parts. */
export function makeCodec<T>(
  size: number,
  read: (view: DataView, offset: number, into?: T) => T,
  write: (view: DataView, offset: number, value: T) => void,
): Codec<T> {
  return { size, read, write };
}

/** Copies bytes out of a view, into a new array unless one is given. */
export function readBytes(
  view: DataView,
  offset: number,
  length: number,
  into: Uint8Array = new Uint8Array(length),
): Uint8Array {
  // Making a view of the source costs more than copying an address byte by byte.
  if (length <= 64) {
    for (let i = 0; i < length; i++) into[i] = view.getUint8(offset + i);
  } else {
    into.set(new Uint8Array(view.buffer, view.byteOffset + offset, length));
  }
  return into;
}

/** Sets every element of an array to what `get` gives for its index. */
export function readElements<T, A extends { readonly length: number; [index: number]: T }>(
  into: A,
  get: (index: number) => T,
): A {
  for (let i = 0; i < into.length; i++) into[i] = get(i);
  return into;
}

/**
 * Calls `set` for each of an array's elements.
 * @throws OptionError if there are not exactly `count`.
 */
export function writeElements<T>(
  source: { readonly length: number; readonly [index: number]: T },
  count: number,
  set: (index: number, value: T) => void,
): void {
  if (source.length !== count)
    throw new OptionError(`an array of ${source.length} elements, not of ${count}`);
  for (let i = 0; i < count; i++) set(i, source[i]!);
}

/** The `__int128` at an offset in bytes. */
export function readInt128(view: DataView, offset: number, signed: boolean, littleEndian: boolean): bigint {
  const first = view.getBigUint64(offset, littleEndian);
  const second = view.getBigUint64(offset + 8, littleEndian);
  const value = littleEndian ? first | (second << 64n) : (first << 64n) | second;
  return signed ? BigInt.asIntN(128, value) : value;
}

/** Writes an `__int128`; bits beyond the lowest 128 are left out. */
export function writeInt128(view: DataView, offset: number, value: bigint, littleEndian: boolean): void {
  const low = BigInt.asUintN(64, value);
  const high = BigInt.asUintN(64, value >> 64n);
  view.setBigUint64(offset, littleEndian ? low : high, littleEndian);
  view.setBigUint64(offset + 8, littleEndian ? high : low, littleEndian);
}

/** Zeroes bytes, before a struct is written that does not fill all of them. */
export function zeroBytes(view: DataView, offset: number, length: number): void {
  new Uint8Array(view.buffer, view.byteOffset + offset, length).fill(0);
}
