/**
 * Names of types: the rule for flavours, and an index over a blob's names that is built without making a string of
 * each (the kernel has some 150,000).
 */

import { FormatError } from '../errors.js';

const underscore = 0x5f;
/**
 * Longest string read, in bytes. The kernel takes identifiers of up to 512; without a limit, a small hostile blob whose
 * names all share one long string would unfold into gigabytes.
 */
const MAX_STRING = 1024;

/**
 * Where the string ends that begins at `start` of bytes that end with a NUL.
 * @throws FormatError if it is longer than any name.
 */
export function stringEnd(bytes: Uint8Array, start: number): number {
  let end = start;
  const limit = start + MAX_STRING;
  while (bytes[end] !== 0) {
    if (++end > limit)
      throw new FormatError(`BTF: a string of more than ${MAX_STRING} bytes; names are shorter`);
  }
  return end;
}

/**
 * Length of a name without its flavour: everything before the last `___` that stands between two other characters.
 * CO-RE takes `sock`, `sock___old` and `sock___v2` for the same type.
 */
export function essentialLength(name: Uint8Array, start = 0, end = name.length): number {
  for (let i = end - 5; i >= start; i--) {
    if (name[i + 1] !== underscore) {
      // The three underscores of a flavour that begins here, or up to two places before, would include this one.
      i -= 2;
      continue;
    }
    if (
      name[i + 2] === underscore &&
      name[i + 3] === underscore &&
      name[i] !== underscore &&
      name[i + 4] !== underscore
    ) {
      return i + 1 - start;
    }
  }
  return end - start;
}

/** A name without its flavour. */
export function essentialName(name: string): string {
  if (!name.includes('___')) return name;
  const bytes = Buffer.from(name, 'utf8');
  const length = essentialLength(bytes);
  return length === bytes.length ? name : bytes.toString('utf8', 0, length);
}

/** So many bytes of a name choose its chain: no more than that, since each start of a program indexes all names of the kernel. */
const PREFIX = 4;
/** 2^32 divided by the golden ratio. */
const hashFactor = 0x9e3779b1;

/** Names of types, by their offsets in strings that may begin with those of other blobs. */
export interface NameOffsets {
  /** For each type its name's offset, 0 where it has none. */
  readonly starts: Uint32Array;
  /** The string section's first offset, and the one behind its last. Types whose names lie elsewhere are left out. */
  readonly first: number;
  readonly end: number;
}

/** Chained hash table from the first bytes of names to the ids that bear them, in ascending order of id. */
export class NameIndex {
  readonly #bytes: Uint8Array;
  readonly #heads: Int32Array;
  readonly #next: Int32Array;
  readonly #starts: Uint32Array;
  readonly #first: number;
  /** Bits of a hash that are not used. */
  readonly #shift: number;

  /**
   * @param bytes a string section, which ends with a NUL.
   * @throws FormatError if a string is longer than any name.
   */
  constructor(bytes: Uint8Array, { starts, first, end }: NameOffsets) {
    refuseLongStrings(bytes);
    this.#bytes = bytes;
    this.#starts = starts;
    this.#first = first;
    this.#shift = Math.clz32(starts.length | 15);
    const heads = new Int32Array(1 << (32 - this.#shift)).fill(-1);
    const next = new Int32Array(starts.length);
    const shift = this.#shift;
    // From the last to the first, so that each chain ascends.
    for (let i = starts.length - 1; i >= 0; i--) {
      const start = starts[i]!;
      if (start === 0 || start < first || start >= end) continue;
      const slot = Math.imul(prefixAt(bytes, start - first), hashFactor) >>> shift;
      next[i] = heads[slot]!;
      heads[slot] = i;
    }
    this.#heads = heads;
    this.#next = next;
  }

  /** Indexes into `starts` of the types named `name`, or, if `flavours`, of those and of its flavours; ascending. */
  find(name: string, flavours: boolean): number[] {
    const wanted = Buffer.from(`${name}\0`, 'utf8');
    const length = wanted.length - 1;
    const slots = new Set([this.#slotOf(wanted.subarray(0, length))]);
    // The flavour of a short name is among the bytes that choose the chain.
    if (flavours && length < PREFIX)
      slots.add(this.#slotOf(Buffer.concat([wanted.subarray(0, length), Buffer.from('___')])));
    const found: number[] = [];
    for (const slot of slots) {
      for (let i = this.#heads[slot]!; i >= 0; i = this.#next[i]!) {
        const start = this.#starts[i]! - this.#first;
        if (!this.#endsAt(start, length, flavours)) continue;
        if (wanted.compare(this.#bytes, start, start + length, 0, length) === 0) found.push(i);
      }
    }
    return slots.size === 1 ? found : found.sort((a, b) => a - b);
  }

  /** Whether the name that begins at `start` may have this length, with `flavours` without its flavour. */
  #endsAt(start: number, length: number, flavours: boolean): boolean {
    const end = start + length;
    const bytes = this.#bytes;
    const byte = bytes[end];
    if (byte !== underscore || !flavours) return byte === 0;
    if (bytes[end + 1] !== underscore || bytes[end + 2] !== underscore) return false;
    return essentialLength(bytes, start, stringEnd(bytes, start)) === length;
  }

  #slotOf(name: Uint8Array): number {
    const bytes = new Uint8Array(PREFIX + 1);
    bytes.set(name.subarray(0, PREFIX));
    return Math.imul(prefixAt(bytes, 0), hashFactor) >>> this.#shift;
  }
}

/** Goes from NUL to NUL in the longest steps: within the length of a name there is one. @throws FormatError */
function refuseLongStrings(bytes: Uint8Array): void {
  for (let start = 0; start < bytes.length; ) {
    const end = Uint8Array.prototype.lastIndexOf.call(bytes, 0, start + MAX_STRING);
    if (end < start) stringEnd(bytes, start);
    start = end + 1;
  }
}

/** The first bytes of a name as a number; those behind its NUL do not count. */
function prefixAt(bytes: Uint8Array, start: number): number {
  const a = bytes[start]!;
  if (a === 0) return 0;
  const b = bytes[start + 1]!;
  if (b === 0) return a;
  const c = bytes[start + 2]!;
  if (c === 0) return a | (b << 8);
  return a | (b << 8) | (c << 16) | (bytes[start + 3]! << 24);
}
