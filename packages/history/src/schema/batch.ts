/** What a collector hands over at a time. */
import type { BatchRow, EndRow, HostRow, IntervalRow, LossRow, OpenRow, SegmentTable } from './tables.js';

/**
 * Rows of a collector, stored as a whole or not at all. Within an epoch (`epoch`, 32 hexadecimal digits, random for each run of a
 * collector), batches are numbered from 1: a number that is stored already is acknowledged and dropped.
 */
export interface Batch extends BatchRow {
  /** Once an epoch, with its first batch. */
  readonly hosts?: readonly HostRow[];
  readonly ends?: readonly EndRow[];
  readonly intervals?: readonly IntervalRow[];
  readonly opens?: readonly OpenRow[];
  readonly losses?: readonly LossRow[];
  /** Tables whose rows whoever made the batch has as columns: these are stored, and their rows need not be made. */
  readonly columns?: Readonly<Partial<Record<SegmentTable, TableColumns>>>;
}

/** Rows of a table as columns, each with values that its kind can hold. */
export interface TableColumns {
  /** Number of rows. */
  readonly rows: number;
  /** Columns that have a value in some row, required ones among them, by name. */
  readonly columns: ReadonlyMap<string, ColumnValues>;
  /** Texts, each once. */
  readonly strings: readonly string[];
}

/** The values of a column. */
export interface ColumnValues {
  /** A number for each row; for a text, its place in the strings. */
  readonly values: ColumnArray;
  /** A bitmap of the rows without a value, the first row in the lowest bit, a multiple of eight bytes long. */
  readonly gaps: Uint8Array | undefined;
}

/** `count` and `clock` are floating-point numbers, `time` is signed. */
export type ColumnArray =
  | BigInt64Array<ArrayBuffer>
  | BigUint64Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>;
