/**
 * The layout of a batch: an object in JSON that describes tables and columns, then the values, column by column. Pure.
 *
 * u32 length of the JSON, u32 zero, JSON, then for each column a bitmap of rows without a value (where there are some) and the
 * values. Each part begins at a multiple of 8, so that it is read in place as a typed array. Numbers are little endian, as are all
 * machines that Weir runs on. Text is a number: its place in the list of strings, which all tables share.
 */
import type { ColumnKind } from '@weir/history/schema';

/** How values of a column lie in a batch. */
export const layouts = {
  i64: BigInt64Array,
  u64: BigUint64Array,
  f64: Float64Array,
  u32: Uint32Array,
  u16: Uint16Array,
  u8: Uint8Array,
  text: Uint32Array,
} as const;

/** The name of a layout. */
export type Layout = keyof typeof layouts;

/** The layout of each kind of column. Addresses follow from text, so they are not sent. */
export const layoutOfKind: Readonly<Record<Exclude<ColumnKind, 'address'>, Layout>> = {
  time: 'i64',
  clock: 'f64',
  id: 'u64',
  count: 'f64',
  u32: 'u32',
  u16: 'u16',
  flag: 'u8',
  text: 'text',
  name: 'text',
};

/** A column in the description of a batch. */
export type ColumnDescription = readonly [name: string, layout: Layout, hasGaps: boolean];

/** A table in the description of a batch. */
export interface TableDescription {
  readonly table: string;
  readonly rows: number;
  /** Columns that have a value in some row. */
  readonly columns: readonly ColumnDescription[];
}

/** The description of a batch. */
export interface BatchDescription {
  readonly tables: readonly TableDescription[];
  readonly strings: readonly string[];
}

/** Bytes before the description. */
export const PREFIX_BYTES = 8;

/** The next multiple of 8. */
export function align(bytes: number): number {
  return (bytes + 7) & ~7;
}

/** Bytes of a bitmap. */
export function bitmapBytes(rows: number): number {
  return align((rows + 7) >> 3);
}
