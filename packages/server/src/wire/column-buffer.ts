/** The values of one column of a table of a batch, row by row or many rows at a time. Pure. */
import type { Column } from '@weir/history/schema';
import { bitmapBytes, type Layout, layoutOfKind, layouts } from './layout.js';

/** Rows for which there is room at first. */
export const FIRST_ROWS = 256;

type Values = InstanceType<(typeof layouts)[Layout]>;

/** The rows of a source whose values go into a column, one after the other. */
export interface SourceRows {
  readonly rows: Int32Array;
  readonly count: number;
}

/** A column of a table. */
export class ColumnBuffer {
  readonly name: string;
  readonly layout: Layout;
  readonly isOptional: boolean;
  values: Values;
  gaps = new Uint8Array(bitmapBytes(FIRST_ROWS));
  gapCount = 0;
  /** The row after the last one with a value. */
  next = 0;
  /** In a column of texts, the last one, and its place: neighbours mostly have the same. */
  lastText: unknown = undefined;
  lastPlace = 0;

  constructor(name: string, { kind, optional }: Column) {
    this.name = name;
    this.layout = layoutOfKind[kind as Exclude<typeof kind, 'address'>];
    this.isOptional = optional;
    this.values = new layouts[this.layout](FIRST_ROWS);
  }

  /** Rows before this one, from the last one with a value on, have none: there is 0 in their place. */
  skipTo(row: number): void {
    const from = this.next;
    for (let gap = from; gap < row; gap++) this.gaps[gap >> 3]! |= 1 << (gap & 7);
    const { buffer, BYTES_PER_ELEMENT: size } = this.values;
    new Uint8Array(buffer, from * size, (row - from) * size).fill(0);
    this.gapCount += row - from;
    this.next = row;
  }

  resize(rows: number): void {
    const { values, gaps } = this;
    this.values = new layouts[this.layout](rows);
    this.gaps = new Uint8Array(bitmapBytes(rows));
    if (rows < values.length) return;
    this.values.set(values as never);
    this.gaps.set(gaps);
  }

  clear(): void {
    if (this.gapCount > 0) this.gaps.fill(0);
    this.gapCount = 0;
    this.next = 0;
    this.lastText = undefined;
  }

  /** Puts numbers down from a row on. @param source NaN where a row has none. */
  putNumbers(at: number, { rows, count }: SourceRows, source: Float64Array | Uint32Array): void {
    this.#begin(at, count);
    const { values } = this;
    for (let index = 0; index < count; index++) {
      const value = source[rows[index]!]!;
      // NaN becomes 0 in a column of whole numbers, and is made so in others.
      if (!Number.isNaN(value)) (values as Float64Array)[at + index] = value;
      else this.#leaveOut(at + index);
    }
  }

  /** Puts values of 64 bits down from a row on. @param source As words. @param zeroIsAbsent 0 where a row has none. */
  putWide(at: number, { rows, count }: SourceRows, source: Uint32Array, zeroIsAbsent = false): void {
    this.#begin(at, count);
    const words = new Uint32Array(this.values.buffer);
    for (let index = 0; index < count; index++) {
      const from = 2 * rows[index]!;
      const low = source[from]!;
      const high = source[from + 1]!;
      words[2 * (at + index)] = low;
      words[2 * (at + index) + 1] = high;
      if (zeroIsAbsent && low === 0 && high === 0) this.#leaveOut(at + index);
    }
  }

  /** Puts texts down from a row on. @param places Of each row; -1 where it has none. */
  putTexts(at: number, places: Int32Array, count: number): void {
    this.#begin(at, count);
    const values = this.values as Uint32Array;
    for (let index = 0; index < count; index++) {
      const place = places[index]!;
      if (place >= 0) values[at + index] = place;
      else this.#leaveOut(at + index);
    }
  }

  /** The same value in rows from one on. */
  fill(at: number, count: number, value: number | bigint): void {
    this.#begin(at, count);
    this.values.fill(value as never, at, at + count);
  }

  #begin(at: number, count: number): void {
    if (this.next < at) this.skipTo(at);
    this.next = at + count;
  }

  #leaveOut(row: number): void {
    const { values } = this;
    values[row] = (values instanceof BigInt64Array || values instanceof BigUint64Array ? 0n : 0) as never;
    this.gaps[row >> 3]! |= 1 << (row & 7);
    this.gapCount++;
  }
}
