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

/** FNV-1a. */
const hashStart = 0x811c9dc5;
const hashPrime = 0x01000193;

/** Chained hash table from essential names to the ids that bear them, in ascending order of id. */
export class NameIndex {
  readonly #bytes: Uint8Array;
  readonly #heads: Int32Array;
  readonly #next: Int32Array;
  readonly #starts: Uint32Array;

  /**
   * @param bytes a string section, which ends with a NUL.
   * @param starts for each type its name's offset therein, 0 where it has none.
   * @throws FormatError for names that are too long.
   */
  constructor(bytes: Uint8Array, starts: Uint32Array) {
    this.#bytes = bytes;
    this.#starts = starts;
    const size = 1 << (32 - Math.clz32(starts.length | 15));
    this.#heads = new Int32Array(size).fill(-1);
    this.#next = new Int32Array(starts.length);
    // From the last to the first, so that each chain ascends.
    for (let i = starts.length - 1; i >= 0; i--) {
      const start = starts[i]!;
      if (start === 0) continue;
      const slot = this.#slotOfName(bytes, start);
      this.#next[i] = this.#heads[slot]!;
      this.#heads[slot] = i;
    }
  }

  /** Indexes into `starts` of the types named `name`, of any flavour if `flavours`; ascending. */
  find(name: string, flavours: boolean): number[] {
    const wanted = Buffer.from(name, 'utf8');
    const essential = essentialLength(wanted);
    const found: number[] = [];
    for (let i = this.#heads[this.#slot(wanted, 0, essential)]!; i >= 0; i = this.#next[i]!) {
      const start = this.#starts[i]!;
      const end = stringEnd(this.#bytes, start);
      const length = flavours ? essentialLength(this.#bytes, start, end) : end - start;
      const wantedLength = flavours ? essential : wanted.length;
      if (
        length === wantedLength &&
        wanted.compare(this.#bytes, start, start + length, 0, wantedLength) === 0
      ) {
        found.push(i);
      }
    }
    return found;
  }

  /** FNV-1a over the bytes, cut to the table's size. */
  #slot(bytes: Uint8Array, start: number, end: number): number {
    let hash = hashStart;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, hashPrime);
    return this.#cut(hash);
  }

  /**
   * The same for the name that begins at `start`, without its flavour. Its end is found on the way: only a name with three
   * underscores in a row, which few have, is looked through again.
   */
  #slotOfName(bytes: Uint8Array, start: number): number {
    const limit = start + MAX_STRING;
    let hash = hashStart;
    let underscores = 0;
    let mayHaveFlavour = false;
    let end = start;
    for (let byte = bytes[end]!; byte !== 0; byte = bytes[end]!) {
      hash = Math.imul(hash ^ byte, hashPrime);
      underscores = byte === underscore ? underscores + 1 : 0;
      if (underscores === 3) mayHaveFlavour = true;
      if (++end > limit) stringEnd(bytes, start);
    }
    return mayHaveFlavour
      ? this.#slot(bytes, start, start + essentialLength(bytes, start, end))
      : this.#cut(hash);
  }

  #cut(hash: number): number {
    return (hash ^ (hash >>> 15)) & (this.#heads.length - 1);
  }
}
