/**
 * The columns of a table of a batch, filled row by row, so that no row has to be kept until the batch is complete. Their memory is
 * used again for the next batch. Pure.
 */
import { type Column, type Columns, type TableName, tables } from '@weir/history/schema';
import { bitmapBytes, type ColumnDescription, type Layout, layoutOfKind, layouts } from './layout.js';

/** A row of any table. */
export type Row = Readonly<Record<string, unknown>>;

const FIRST_ROWS = 256;
/** Memory for more rows is given up after the batch. */
const KEPT_ROWS = 16_384;

/** Texts of a batch, each once. */
export class StringTable {
  strings: string[] = [];
  readonly #places = new Map<string, number>();

  place(text: string): number {
    const known = this.#places.get(text);
    if (known !== undefined) return known;
    const place = this.strings.length;
    this.strings.push(text);
    this.#places.set(text, place);
    return place;
  }

  clear(): void {
    this.strings = [];
    this.#places.clear();
  }
}

type Values = InstanceType<(typeof layouts)[Layout]>;

/** A column of a table. */
class ColumnBuffer<V extends Values> {
  readonly name: string;
  readonly layout: Layout;
  readonly isOptional: boolean;
  values: V;
  gaps = new Uint8Array(bitmapBytes(FIRST_ROWS));
  gapCount = 0;
  /** In a column of texts, the last one, and its place: neighbours mostly have the same. */
  lastText: unknown = undefined;
  lastPlace = 0;

  constructor(name: string, { kind, optional }: Column) {
    this.name = name;
    this.layout = layoutOfKind[kind as Exclude<typeof kind, 'address'>];
    this.isOptional = optional;
    this.values = new layouts[this.layout](FIRST_ROWS) as V;
  }

  /** The row has no value; there is 0 in its place. */
  skip(row: number): void {
    this.gaps[row >> 3]! |= 1 << (row & 7);
    this.gapCount++;
  }

  resize(rows: number): void {
    const { values, gaps } = this;
    this.values = new layouts[this.layout](rows) as V;
    this.gaps = new Uint8Array(bitmapBytes(rows));
    if (rows < values.length) return;
    this.values.set(values as never);
    this.gaps.set(gaps);
  }

  clear(): void {
    if (this.gapCount > 0) this.gaps.fill(0);
    this.gapCount = 0;
    this.lastText = undefined;
  }
}

type FloatColumn = ColumnBuffer<Float64Array<ArrayBuffer>>;
type BigColumn = ColumnBuffer<BigInt64Array<ArrayBuffer> | BigUint64Array<ArrayBuffer>>;
type IntegerColumn = ColumnBuffer<
  Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>
>;

/** What a table has in a batch. */
export interface EncodedTable {
  readonly columns: readonly ColumnDescription[];
  /** The columns' parts, which are there until {@link TableEncoder.clear}. */
  readonly parts: readonly Uint8Array[];
}

/** Takes the rows of a table. Each kind of array has a loop of its own: the engine is fast where a line of code sees few types. */
export class TableEncoder {
  readonly #table: TableName;
  readonly #strings: StringTable;
  /** In the order of the schema. */
  readonly #columns: ColumnBuffer<Values>[];
  readonly #floats: FloatColumn[];
  readonly #bigs: BigColumn[];
  readonly #integers: IntegerColumn[];
  readonly #texts: ColumnBuffer<Uint32Array<ArrayBuffer>>[];
  #capacity = FIRST_ROWS;
  #rows = 0;

  constructor(table: TableName, strings: StringTable) {
    this.#table = table;
    this.#strings = strings;
    this.#columns = Object.entries<Column>(tables[table] as Columns)
      .filter(([, { kind }]) => kind !== 'address')
      .map(([name, column]) => new ColumnBuffer(name, column));
    const of = (...wanted: Layout[]) => this.#columns.filter(({ layout }) => wanted.includes(layout));
    this.#floats = of('f64') as FloatColumn[];
    this.#bigs = of('i64', 'u64') as BigColumn[];
    this.#integers = of('u32', 'u16', 'u8') as IntegerColumn[];
    this.#texts = of('text') as ColumnBuffer<Uint32Array<ArrayBuffer>>[];
  }

  /** Rows so far. */
  get rows(): number {
    return this.#rows;
  }

  add(row: Row): void {
    if (this.#rows === this.#capacity) this.#resize(2 * this.#capacity);
    const at = this.#rows++;
    this.#addFloats(row, at);
    this.#addBigs(row, at);
    this.#addIntegers(row, at);
    this.#addTexts(row, at);
  }

  #addFloats(row: Row, at: number): void {
    for (const column of this.#floats) {
      const value = row[column.name];
      if (value === undefined) column.skip(at);
      column.values[at] = value === undefined ? 0 : (value as number);
    }
  }

  #addBigs(row: Row, at: number): void {
    for (const column of this.#bigs) {
      const value = row[column.name];
      if (value === undefined) column.skip(at);
      column.values[at] = value === undefined ? 0n : (value as bigint);
    }
  }

  #addIntegers(row: Row, at: number): void {
    for (const column of this.#integers) {
      const value = row[column.name];
      if (value === undefined) column.skip(at);
      // Flags are stored as 0 and 1.
      column.values[at] = value === undefined ? 0 : Number(value);
    }
  }

  #addTexts(row: Row, at: number): void {
    for (const column of this.#texts) {
      const value = row[column.name];
      if (value === undefined) {
        column.skip(at);
        column.values[at] = 0;
        continue;
      }
      if (value !== column.lastText) {
        column.lastText = value;
        column.lastPlace = this.#strings.place(value as string);
      }
      column.values[at] = column.lastPlace;
    }
  }

  /** @throws TypeError where a row lacks a value that it must have: a bug of the caller. */
  encode(): EncodedTable {
    const rows = this.#rows;
    const columns: ColumnDescription[] = [];
    const parts: Uint8Array[] = [];
    for (const { name, layout, isOptional, values, gaps, gapCount } of this.#columns) {
      if (gapCount > 0 && !isOptional) throw new TypeError(`a row of ${this.#table} has no ${name}`);
      if (gapCount === rows) continue;
      columns.push([name, layout, gapCount > 0]);
      if (gapCount > 0) parts.push(gaps.subarray(0, bitmapBytes(rows)));
      parts.push(new Uint8Array(values.buffer, 0, rows * values.BYTES_PER_ELEMENT));
    }
    return { columns, parts };
  }

  /** Ready for the next batch. */
  clear(): void {
    this.#rows = 0;
    for (const column of this.#columns) column.clear();
    if (this.#capacity > KEPT_ROWS) this.#resize(FIRST_ROWS);
  }

  #resize(rows: number): void {
    this.#capacity = rows;
    for (const column of this.#columns) column.resize(rows);
  }
}
