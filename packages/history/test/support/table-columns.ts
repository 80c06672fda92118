/** Rows as columns, as a collector sends them. */
import type { ColumnArray, Columns, ColumnValues, TableColumns } from '../../src/schema/index.js';

const arrays = {
  time: BigInt64Array,
  clock: Float64Array,
  id: BigUint64Array,
  count: Float64Array,
  u32: Uint32Array,
  u16: Uint16Array,
  text: Uint32Array,
  name: Uint32Array,
  flag: Uint8Array,
} as const;

/** What lies in the place of a row without a value should not count: it is this. */
const FILLER = 7;

/** Rows of a table as columns. */
export function asColumns(rows: readonly object[], columns: Columns): TableColumns {
  const strings: string[] = [];
  const places = new Map<string, number>();
  const place = (text: string) => {
    const found = places.get(text) ?? strings.push(text) - 1;
    places.set(text, found);
    return found;
  };
  const found = new Map<string, ColumnValues>();
  for (const [name, { kind }] of Object.entries(columns)) {
    const all = rows.map((row) => (row as Record<string, unknown>)[name]);
    if (kind === 'address' || all.every((value) => value === undefined)) continue;
    const values = new arrays[kind](rows.length) as ColumnArray;
    const gaps = new Uint8Array(Math.ceil(rows.length / 64) * 8);
    const isWide = values instanceof BigInt64Array || values instanceof BigUint64Array;
    for (const [row, value] of all.entries()) {
      if (value === undefined) gaps[row >> 3]! |= 1 << (row & 7);
      const number = typeof value === 'string' ? place(value) : (value ?? (isWide ? BigInt(FILLER) : FILLER));
      values[row] = (typeof number === 'boolean' ? Number(number) : number) as never;
    }
    found.set(name, { values, gaps: all.includes(undefined) ? gaps : undefined });
  }
  return { rows: rows.length, columns: found, strings };
}
