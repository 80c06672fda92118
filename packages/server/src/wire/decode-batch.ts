/** Reads a batch, which may be damaged, or of an older collector. Pure. */
import { FormatError } from '@weir/ebpf/errors';
import {
  type Batch,
  type Column,
  type ColumnArray,
  type Columns,
  type SegmentTable,
  segmentTables,
  type TableColumns,
  type TableName,
  tables,
} from '@weir/history/schema';
import { z } from 'zod';
import {
  align,
  type BatchDescription,
  bitmapBytes,
  type ColumnDescription,
  type Layout,
  layoutOfKind,
  layouts,
  PREFIX_BYTES,
  type TableDescription,
} from './layout.js';

const MAX_COLUMNS = 256;
const tableNames = Object.keys(tables) as [TableName, ...TableName[]];
const layoutNames = Object.keys(layouts) as [Layout, ...Layout[]];

const tablesSchema = z
  .array(
    z.object({
      table: z.enum(tableNames),
      rows: z.int().min(1),
      columns: z.array(z.tuple([z.string(), z.enum(layoutNames), z.boolean()])).max(MAX_COLUMNS),
    }),
  )
  .max(tableNames.length);

/** What a batch is, without its rows. */
export interface BatchSummary {
  readonly epoch: string;
  readonly number: number;
  /** Wall-clock time up to which all events are in, nanoseconds since 1970. */
  readonly time: bigint;
  /** Number of rows by table. */
  readonly rows: Readonly<Partial<Record<TableName, number>>>;
}

type Row = Record<string, unknown>;

/** A column as it lies in the batch. */
interface RawColumn {
  readonly name: string;
  readonly column: Column;
  readonly values: ColumnArray;
  /** A bitmap of the rows without a value. */
  readonly gaps: Uint8Array | undefined;
}

/** A column with its values as rows have them. */
interface ReadColumn {
  readonly name: string;
  readonly values: ArrayLike<unknown>;
  /** A bitmap of the rows without a value. */
  readonly gaps: Uint8Array | undefined;
}

/** Reads a batch. @throws FormatError if it is damaged, or has a column that this version does not know. */
export function decodeBatch(bytes: Buffer): Batch {
  const reader = new BatchReader(bytes);
  const { batches, ...rest } = Object.fromEntries(
    reader.description.tables.map((table) => [table.table, reader.rows(table)]),
  );
  if (batches?.length !== 1) throw new FormatError('a batch does not say which one it is');
  return { ...batches[0], ...rest } as unknown as Batch;
}

/**
 * Reads a batch without making rows of its large tables before somebody asks for them: it has them as columns.
 *
 * @throws as {@link decodeBatch} does
 */
export function decodeColumns(bytes: Buffer): Batch {
  const reader = new BatchReader(bytes);
  const batch: Record<string, unknown> = {};
  const columns: Partial<Record<SegmentTable, TableColumns>> = {};
  let isNamed = false;
  for (const table of reader.description.tables) {
    const name = table.table;
    if (isLarge(name)) columns[name] = reader.columns(table);
    else {
      const rows = reader.rows(table);
      if (name === 'batches' && rows.length === 1) Object.assign(batch, rows[0]);
      else batch[name] = rows;
      isNamed ||= name === 'batches' && rows.length === 1;
    }
  }
  if (!isNamed) throw new FormatError('a batch does not say which one it is');
  let rows: Batch | undefined;
  for (const name of Object.keys(columns) as SegmentTable[]) {
    const get = () => {
      rows ??= decodeBatch(bytes);
      return rows[name];
    };
    Object.defineProperty(batch, name, { get, enumerable: true });
  }
  // A copy of the batch has rows instead.
  Object.defineProperty(batch, 'columns', { value: columns });
  return batch as unknown as Batch;
}

function isLarge(table: string): table is SegmentTable {
  return (segmentTables as readonly string[]).includes(table);
}

/** Reads which batch it is, and how much is in it. @throws FormatError if it is damaged. */
export function summarizeBatch(bytes: Buffer): BatchSummary {
  const reader = new BatchReader(bytes);
  const [first] = reader.description.tables;
  if (first?.table !== 'batches' || first.rows !== 1)
    throw new FormatError('a batch does not say which one it is');
  const { epoch, number, time } = reader.rows(first)[0]! as unknown as BatchSummary;
  const rows = Object.fromEntries(reader.description.tables.map(({ table, rows }) => [table, rows]));
  return { epoch, number, time, rows };
}

class BatchReader {
  readonly description: BatchDescription;
  readonly #bytes: Buffer;
  #offset: number;

  constructor(bytes: Buffer) {
    // Typed arrays need aligned memory.
    this.#bytes = bytes.byteOffset % 8 === 0 ? bytes : Buffer.from(new Uint8Array(bytes).buffer);
    const length = bytes.length >= PREFIX_BYTES ? bytes.readUInt32LE(0) : 0;
    this.#offset = align(PREFIX_BYTES + length);
    if (length === 0 || this.#offset > bytes.length) throw new FormatError('a batch is cut off');
    this.description = readDescription(bytes.toString('utf8', PREFIX_BYTES, PREFIX_BYTES + length));
  }

  /** The rows of the next table. Tables must be read in their order. */
  rows(table: TableDescription): Row[] {
    const { strings } = this.description;
    const read = this.#readColumns(table).map(
      ({ name, column, values, gaps }): ReadColumn => ({
        name,
        gaps,
        values: rowValues(column, values, strings),
      }),
    );
    const rows = emptyRows(table.rows, read);
    for (const { name, values, gaps } of read) setValues(rows, name, values, gaps);
    return rows;
  }

  /** The same as columns. */
  columns(table: TableDescription): TableColumns {
    const columns = this.#readColumns(table).map(
      ({ name, values, gaps }) => [name, { values, gaps }] as const,
    );
    return { rows: table.rows, columns: new Map(columns), strings: this.description.strings };
  }

  #readColumns({ table, rows: count, columns }: TableDescription): RawColumn[] {
    const known = tables[table as TableName] as Columns;
    const present = new Set(columns.map(([name]) => name));
    for (const [name, column] of Object.entries<Column>(known)) {
      if (!column.optional && column.kind !== 'address' && !present.has(name))
        throw new FormatError(`rows of ${table} have no ${name}`);
    }
    if (present.size !== columns.length) throw new FormatError(`rows of ${table} have a column twice`);
    // Required columns have a byte a row at least: their first part bounds the number of rows.
    this.#require(count);
    return columns.map((column) => this.#readColumn(table, known, count, column));
  }

  #readColumn(
    table: string,
    known: Columns,
    count: number,
    [name, layout, hasGaps]: ColumnDescription,
  ): RawColumn {
    const column = Object.hasOwn(known, name) ? known[name] : undefined;
    if (column === undefined) throw new FormatError(`rows of ${table} have the unknown column ${name}`);
    if (column.kind === 'address' || layoutOfKind[column.kind] !== layout)
      throw new FormatError(`column ${name} of ${table} has the layout ${layout}`);
    if (hasGaps && !column.optional) throw new FormatError(`rows of ${table} have no ${name}`);
    const gaps = hasGaps ? this.#part(bitmapBytes(count)) : undefined;
    const part = this.#part(align(count * layouts[layout].BYTES_PER_ELEMENT));
    const values = new layouts[layout](part.buffer as ArrayBuffer, part.byteOffset, count);
    const { kind } = column;
    if (kind === 'text' || kind === 'name')
      requireTexts(name, values as Uint32Array, this.description.strings.length, gaps);
    else if (kind === 'count' || kind === 'clock') requireWholeNumbers(name, values as Float64Array);
    return { name, column, gaps, values };
  }

  #part(length: number): Buffer {
    this.#require(length);
    const part = this.#bytes.subarray(this.#offset, this.#offset + length);
    this.#offset += length;
    return part;
  }

  #require(length: number): void {
    if (length > this.#bytes.length - this.#offset) throw new FormatError('a batch is cut off');
  }
}

/**
 * Rows with the properties that they will have. A copy of an object that has them already is many times faster than adding them; rows
 * with the same gaps, of which there are few kinds, are copies of the same one.
 */
function emptyRows(count: number, columns: readonly ReadColumn[]): Row[] {
  const kinds = new Uint32Array(count);
  const templates: Row[] = [{}];
  for (const { name, values, gaps } of columns) {
    if (gaps === undefined) {
      for (const template of templates) template[name] = values[0];
      continue;
    }
    // What has a value stays of its kind; what has none is from now on of another one.
    const without = new Map<number, number>();
    const first = templates.length;
    for (let row = 0; row < count; row++) {
      if (!isGap(gaps, row)) continue;
      const kind = kinds[row]!;
      let other = without.get(kind);
      if (other === undefined) {
        other = templates.push({ ...templates[kind] }) - 1;
        without.set(kind, other);
      }
      kinds[row] = other;
    }
    for (const template of templates.slice(0, first)) template[name] = values[0];
  }
  return Array.from(kinds, (kind) => ({ ...templates[kind] }));
}

function setValues(rows: readonly Row[], name: string, values: ArrayLike<unknown>, gaps?: Uint8Array): void {
  for (let i = 0; i < rows.length; i++) if (!isGap(gaps, i)) rows[i]![name] = values[i];
}

function isGap(gaps: Uint8Array | undefined, row: number): boolean {
  return gaps !== undefined && ((gaps[row >> 3]! >> (row & 7)) & 1) === 1;
}

/** The values of a column in the form that rows have. */
function rowValues({ kind }: Column, values: ColumnArray, strings: readonly string[]): ArrayLike<unknown> {
  switch (kind) {
    case 'text':
    case 'name':
      return Array.from(values as Uint32Array, (place) => strings[place]);
    case 'flag':
      return Array.from(values as Uint8Array, (value) => value !== 0);
    default:
      return values;
  }
}

/** A row without a value may have any place there. */
function requireTexts(name: string, places: Uint32Array, count: number, gaps: Uint8Array | undefined): void {
  for (let i = 0; i < places.length; i++)
    if (places[i]! >= count && !isGap(gaps, i)) throw new FormatError(`a text of ${name} is missing`);
}

/** Rows without a value have 0 there. */
function requireWholeNumbers(name: string, values: Float64Array): void {
  for (let i = 0; i < values.length; i++)
    if (!Number.isSafeInteger(values[i]) || values[i]! < 0)
      throw new FormatError(`${name} is no whole number`);
}

function readDescription(json: string): BatchDescription {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new FormatError(`a batch is damaged: ${(error as Error).message}`);
  }
  const { tables: described, strings } = (value ?? {}) as Partial<Record<'tables' | 'strings', unknown>>;
  const { data, error } = tablesSchema.safeParse(described);
  // Texts are many: zod would take as long for them as everything else takes.
  if (error !== undefined || !Array.isArray(strings) || !strings.every((text) => typeof text === 'string'))
    throw new FormatError('a batch is damaged: it does not describe its columns');
  if (new Set(data.map(({ table }) => table)).size !== data.length)
    throw new FormatError('a batch has a table twice');
  return { tables: data, strings };
}
