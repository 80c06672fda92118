/**
 * The columns of a table of a batch, filled row by row, so that no row has to be kept until the batch is complete. Their memory is
 * used again for the next batch. Pure.
 */
import { type Column, type Columns, type TableName, tables } from '@weir/history/schema';
import { ColumnBuffer, FIRST_ROWS } from './column-buffer.js';
import { bitmapBytes, type ColumnDescription } from './layout.js';

/** A row of any table. */
export type Row = Readonly<Record<string, unknown>>;

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

/** What a table has in a batch. */
export interface EncodedTable {
  readonly columns: readonly ColumnDescription[];
  /** The columns' parts, which are there until {@link TableEncoder.clear}. */
  readonly parts: readonly Uint8Array[];
}

/** Takes the rows of a table. */
export class TableEncoder {
  readonly #table: TableName;
  readonly #strings: StringTable;
  /** In the order of the schema. */
  readonly #columns: readonly ColumnBuffer[];
  readonly #byName: ReadonlyMap<string, ColumnBuffer>;
  #capacity = FIRST_ROWS;
  #rows = 0;

  constructor(table: TableName, strings: StringTable) {
    this.#table = table;
    this.#strings = strings;
    this.#columns = Object.entries<Column>(tables[table] as Columns)
      .filter(([, { kind }]) => kind !== 'address')
      .map(([name, column]) => new ColumnBuffer(name, column));
    this.#byName = new Map(this.#columns.map((column) => [column.name, column]));
  }

  /** Rows so far. */
  get rows(): number {
    return this.#rows;
  }

  /** Rows have many shapes: what one has is found many times faster by going through it than by asking for each column. */
  add(row: Row): void {
    if (this.#rows === this.#capacity) this.#resize(2 * this.#capacity);
    const at = this.#rows++;
    for (const name in row) {
      const value = row[name];
      if (value === undefined) continue;
      const column = this.#byName.get(name);
      if (column !== undefined) this.#put(column, at, value);
    }
  }

  /**
   * Begins rows whose columns are put down one by one, each of them once for all of these rows or not at all.
   *
   * @returns the first of the rows.
   */
  extend(count: number): number {
    let capacity = this.#capacity;
    while (capacity < this.#rows + count) capacity *= 2;
    if (capacity > this.#capacity) this.#resize(capacity);
    const first = this.#rows;
    this.#rows += count;
    return first;
  }

  /** A column, by its name. */
  column(name: string): ColumnBuffer {
    return this.#byName.get(name)!;
  }

  /** Each kind of array has a line of its own: the engine is fast where a line of code sees few types. */
  #put(column: ColumnBuffer, at: number, value: unknown): void {
    if (column.next < at) column.skipTo(at);
    column.next = at + 1;
    const { values } = column;
    switch (column.layout) {
      case 'text':
        if (value !== column.lastText) {
          column.lastText = value;
          column.lastPlace = this.#strings.place(value as string);
        }
        (values as Uint32Array)[at] = column.lastPlace;
        break;
      case 'f64':
        (values as Float64Array)[at] = value as number;
        break;
      case 'i64':
        (values as BigInt64Array)[at] = value as bigint;
        break;
      case 'u64':
        (values as BigUint64Array)[at] = value as bigint;
        break;
      case 'u32':
        (values as Uint32Array)[at] = value as number;
        break;
      case 'u16':
        (values as Uint16Array)[at] = value as number;
        break;
      default:
        // Flags are stored as 0 and 1.
        (values as Uint8Array)[at] = Number(value);
    }
  }

  /** @throws TypeError where a row lacks a value that it must have: a bug of the caller. */
  encode(): EncodedTable {
    const rows = this.#rows;
    const columns: ColumnDescription[] = [];
    const parts: Uint8Array[] = [];
    for (const column of this.#columns) {
      const { name, layout, isOptional } = column;
      const hasValues = column.next > 0;
      // Memory of a column that no row has is not even written to.
      if (hasValues && column.next < rows) column.skipTo(rows);
      const { values, gaps, gapCount } = column;
      if ((gapCount > 0 || !hasValues) && !isOptional)
        throw new TypeError(`a row of ${this.#table} has no ${name}`);
      if (gapCount === rows || !hasValues) continue;
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
