/** Lays out a batch, column by column. Pure. */
import { type Batch, type Column, type Columns, type TableName, tables } from '@weir/history/schema';
import {
  align,
  bitmapBytes,
  type ColumnDescription,
  type Layout,
  layoutOfKind,
  layouts,
  PREFIX_BYTES,
  type TableDescription,
} from './layout.js';

type Row = Readonly<Record<string, unknown>>;
type NumberLayout = Exclude<Layout, 'text'>;

/** The values of a column, with the rows that have none. */
interface EncodedColumn {
  readonly values: Uint8Array;
  readonly gaps: Uint8Array | undefined;
  readonly isEmpty: boolean;
}

/** Texts of a batch, each once. */
class StringTable {
  readonly strings: string[] = [];
  readonly #places = new Map<string, number>();

  place(text: string): number {
    const known = this.#places.get(text);
    if (known !== undefined) return known;
    const place = this.strings.length;
    this.strings.push(text);
    this.#places.set(text, place);
    return place;
  }
}

/** The bytes of a batch. @throws TypeError where a row lacks a value that it must have: a bug of the caller. */
export function encodeBatch(batch: Batch): Buffer {
  const strings = new StringTable();
  const descriptions: TableDescription[] = [];
  const parts: Uint8Array[] = [];
  for (const [table, rows] of rowsByTable(batch)) {
    if (rows.length === 0) continue;
    const columns: ColumnDescription[] = [];
    for (const [name, column] of Object.entries<Column>(tables[table] as Columns)) {
      if (column.kind === 'address') continue;
      const layout = layoutOfKind[column.kind];
      const { values, gaps, isEmpty } = encodeColumn({ table, name, column, layout, rows, strings });
      if (isEmpty) continue;
      columns.push([name, layout, gaps !== undefined]);
      if (gaps !== undefined) parts.push(gaps);
      parts.push(values);
    }
    descriptions.push({ table, rows: rows.length, columns });
  }
  return join({ tables: descriptions, strings: strings.strings }, parts);
}

function rowsByTable(batch: Batch): [TableName, readonly Row[]][] {
  const { hosts = [], ends = [], intervals = [], opens = [], losses = [], ...row } = batch;
  return [
    ['batches', [row]],
    ['hosts', hosts],
    ['ends', ends],
    ['intervals', intervals],
    ['opens', opens],
    ['losses', losses],
  ];
}

interface ColumnInput {
  readonly table: TableName;
  readonly name: string;
  readonly column: Column;
  readonly layout: Layout;
  readonly rows: readonly Row[];
  readonly strings: StringTable;
}

function encodeColumn({ table, name, column, layout, rows, strings }: ColumnInput): EncodedColumn {
  const gaps = new Gaps(rows.length);
  const values =
    layout === 'text' ? textPlaces(rows, name, strings, gaps) : numbers(rows, name, layout, gaps);
  if (gaps.count > 0 && !column.optional) throw new TypeError(`a row of ${table} has no ${name}`);
  const bytes = new Uint8Array(values.buffer);
  return { values: bytes, gaps: gaps.bitmap, isEmpty: gaps.count === rows.length };
}

/** Rows that have no value. */
class Gaps {
  bitmap: Uint8Array | undefined;
  count = 0;
  readonly #rows: number;

  constructor(rows: number) {
    this.#rows = rows;
  }

  add(row: number): void {
    this.bitmap ??= new Uint8Array(bitmapBytes(this.#rows));
    this.bitmap[row >> 3]! |= 1 << (row & 7);
    this.count++;
  }
}

function textPlaces(rows: readonly Row[], name: string, strings: StringTable, gaps: Gaps): Uint32Array {
  const places = new Uint32Array(rows.length);
  let lastText: unknown;
  let lastPlace = 0;
  for (let i = 0; i < rows.length; i++) {
    const value = rows[i]![name];
    if (value === undefined) {
      gaps.add(i);
      continue;
    }
    // Neighbours mostly have the same text: looking that up again would take a third of the time.
    if (value !== lastText) {
      lastText = value;
      lastPlace = strings.place(value as string);
    }
    places[i] = lastPlace;
  }
  return places;
}

/**
 * Each kind of typed array has a loop of its own. With one loop for all, a batch took twice as long: the engine is fast where a line of
 * code sees few types.
 */
function numbers(rows: readonly Row[], name: string, layout: NumberLayout, gaps: Gaps) {
  const values = new layouts[layout](rows.length);
  if (values instanceof Float64Array) putFloats(rows, name, values, gaps);
  else if (values instanceof BigInt64Array || values instanceof BigUint64Array)
    putBigIntegers(rows, name, values, gaps);
  else putIntegers(rows, name, values, gaps);
  return values;
}

function putFloats(rows: readonly Row[], name: string, values: Float64Array, gaps: Gaps): void {
  for (let i = 0; i < rows.length; i++) {
    const value = rows[i]![name];
    if (value === undefined) gaps.add(i);
    else values[i] = value as number;
  }
}

function putBigIntegers(
  rows: readonly Row[],
  name: string,
  values: BigInt64Array | BigUint64Array,
  gaps: Gaps,
): void {
  for (let i = 0; i < rows.length; i++) {
    const value = rows[i]![name];
    if (value === undefined) gaps.add(i);
    else values[i] = value as bigint;
  }
}

function putIntegers(
  rows: readonly Row[],
  name: string,
  values: Uint8Array | Uint16Array | Uint32Array,
  gaps: Gaps,
): void {
  for (let i = 0; i < rows.length; i++) {
    const value = rows[i]![name];
    if (value === undefined) gaps.add(i);
    // Flags are stored as 0 and 1.
    else values[i] = Number(value);
  }
}

function join(description: object, parts: readonly Uint8Array[]): Buffer {
  const json = Buffer.from(JSON.stringify(description));
  const body = parts.reduce((sum, { length }) => sum + align(length), 0);
  const start = align(PREFIX_BYTES + json.length);
  const bytes = Buffer.allocUnsafeSlow(start + body);
  bytes.writeUInt32LE(json.length, 0);
  bytes.writeUInt32LE(0, 4);
  json.copy(bytes, PREFIX_BYTES);
  let offset = start;
  bytes.fill(0, PREFIX_BYTES + json.length, start);
  for (const part of parts) {
    bytes.set(part, offset);
    bytes.fill(0, offset + part.length, offset + align(part.length));
    offset += align(part.length);
  }
  return bytes;
}
