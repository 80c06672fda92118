/** Finds rows of a batch that have the same values in some columns. Pure. */
import type { ColumnArray, ColumnValues } from '../schema/index.js';

/** Rows by what they have in common. */
export interface RowGroups {
  /** The group of each row. */
  readonly groups: Uint32Array<ArrayBuffer>;
  /** A row of each group. */
  readonly firsts: readonly number[];
}

/** A row without a value has this instead, whatever lies in its place. */
const GAP = 0xffff_ffff;
/** An odd number whose bits are those of the golden ratio: what differs in few bits is spread over all. */
const SPREAD = 0x9e37_79b1;
/** Numbers up to here are no objects for the engine. */
const SMALL = 0x3fff_ffff;

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
  const hashes = new Uint32Array(rows);
  const words = columns.map(({ values, gaps }) => wordsOf(values, gaps, rows)).flat();
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
  for (let row = 0; row < groups.length; row++)
    if (words[row] !== words[firsts[groups[row]!]!]) return false;
  return true;
}

/** The values of a column as words of 32 bits, each row's in the same place of as many arrays as its values take; none where all are the same. */
function wordsOf(values: ColumnArray, gaps: Uint8Array | undefined, rows: number): Uint32Array[] {
  const low = new Uint32Array(rows);
  const high = new Uint32Array(rows);
  split(values, low, high);
  if (gaps !== undefined) {
    for (let row = 0; row < rows; row++)
      if (((gaps[row >> 3]! >> (row & 7)) & 1) === 1) {
        low[row] = GAP;
        high[row] = GAP;
      }
  }
  return [low, high].filter((words) => !isConstant(words));
}

function split(values: ColumnArray, low: Uint32Array, high: Uint32Array): void {
  if (values instanceof Float64Array) {
    for (let row = 0; row < low.length; row++) {
      const value = values[row]!;
      low[row] = value;
      high[row] = value / 2 ** 32;
    }
  } else if (values instanceof BigUint64Array || values instanceof BigInt64Array) {
    const words = new Uint32Array(values.buffer, values.byteOffset, 2 * low.length);
    for (let row = 0; row < low.length; row++) {
      low[row] = words[2 * row]!;
      high[row] = words[2 * row + 1]!;
    }
  } else low.set(values);
}

function isConstant(words: Uint32Array): boolean {
  const first = words[0];
  for (let row = 1; row < words.length; row++) if (words[row] !== first) return false;
  return true;
}
