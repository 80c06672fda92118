/** Finds rows of a batch that have the same values in some columns. Pure. */
import type { ColumnValues } from '../schema/index.js';
import { TWO_32 } from './column-writer.js';

/** Rows by what they have in common. */
export interface RowGroups {
  /** The group of each row. */
  readonly groups: Uint32Array<ArrayBuffer>;
  /** A row of each group. */
  readonly firsts: readonly number[];
}

/** An odd number whose bits are those of the golden ratio: what differs in few bits is spread over all. */
const SPREAD = 0x9e37_79b1;
/** Numbers up to here are no objects for the engine. */
const SMALL = 0x3fff_ffff;

/** Memory for words of rows, used again for each batch: else each would leave a megabyte for the garbage collection. */
class Scratch {
  #arrays: Uint32Array[] = [];
  #used = 0;

  /** Gives all of it back. */
  clear(): void {
    this.#used = 0;
  }

  /** An array of this length with anything in it. */
  get(length: number): Uint32Array {
    const index = this.#used++;
    let found = this.#arrays[index];
    if (found === undefined || found.length < length || found.length > MOST_SPARE * length) {
      found = new Uint32Array(length);
      this.#arrays[index] = found;
    }
    return found.subarray(0, length);
  }
}

/** Arrays of more than so many times the length that is needed are given up. */
const MOST_SPARE = 8;
const scratch = new Scratch();

/**
 * Groups rows. Where two that differ are taken for the same, which a hash of 30 bits rarely does, there are no groups.
 *
 * @returns undefined where there are more than `most` groups, or none could be made.
 */
export function groupRows(
  columns: readonly ColumnValues[],
  rows: number,
  most: number,
): RowGroups | undefined {
  scratch.clear();
  const words = columns.flatMap((column) => wordsOf(column, rows));
  const hashes = scratch.get(rows).fill(0);
  for (const column of words) addHashes(hashes, column);
  const groups = new Uint32Array(rows);
  const firsts: number[] = [];
  const known = new Map<number, number>();
  for (let row = 0; row < rows; row++) {
    const hash = (hashes[row]! ^ (hashes[row]! >>> 15)) & SMALL;
    let group = known.get(hash);
    if (group === undefined) {
      group = firsts.push(row) - 1;
      if (group === most) return undefined;
      known.set(hash, group);
    }
    groups[row] = group;
  }
  return words.every((column) => isSame(column, groups, firsts)) ? { groups, firsts } : undefined;
}

function addHashes(hashes: Uint32Array, words: Uint32Array): void {
  for (let row = 0; row < hashes.length; row++) {
    const hash = Math.imul(hashes[row]! ^ words[row]!, SPREAD);
    hashes[row] = hash ^ (hash >>> 16);
  }
}

function isSame(words: Uint32Array, groups: Uint32Array, firsts: readonly number[]): boolean {
  for (let row = 0; row < groups.length; row++) if (words[row] !== words[firsts[groups[row]!]!]) return false;
  return true;
}

/**
 * The values of a column as words of 32 bits, in as many arrays as its values have words; none where all rows have the same. A row
 * without a value has a bit in an array of its own.
 */
function wordsOf({ values, gaps }: ColumnValues, rows: number): Uint32Array[] {
  const found: Uint32Array[] = [];
  if (values instanceof Float64Array) {
    const [low, high] = [scratch.get(rows), scratch.get(rows)];
    for (let row = 0; row < rows; row++) {
      const value = values[row]!;
      low[row] = value;
      high[row] = value / TWO_32;
    }
    found.push(low, high);
  } else if (values instanceof BigUint64Array || values instanceof BigInt64Array) {
    const [low, high] = [scratch.get(rows), scratch.get(rows)];
    const words = new Uint32Array(values.buffer, values.byteOffset, 2 * rows);
    for (let row = 0; row < rows; row++) {
      low[row] = words[2 * row]!;
      high[row] = words[2 * row + 1]!;
    }
    found.push(low, high);
  } else {
    const low = scratch.get(rows);
    low.set(values);
    found.push(low);
  }
  if (gaps !== undefined) found.push(clearGaps(found, gaps, rows));
  return found.filter((words) => !isConstant(words));
}

/** @returns 1 for each row without a value, in whose places there is 0 afterwards. */
function clearGaps(columns: readonly Uint32Array[], gaps: Uint8Array, rows: number): Uint32Array {
  const missing = scratch.get(rows);
  for (let row = 0; row < rows; row++) {
    const isGap = (gaps[row >> 3]! >> (row & 7)) & 1;
    missing[row] = isGap;
    if (isGap === 1) for (const words of columns) words[row] = 0;
  }
  return missing;
}

function isConstant(words: Uint32Array): boolean {
  const [first] = words;
  for (let row = 1; row < words.length; row++) if (words[row] !== first) return false;
  return true;
}
