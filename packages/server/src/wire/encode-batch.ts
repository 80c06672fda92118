/** Lays out a batch, column by column. Pure. */
import type { Batch, BatchRow, TableName } from '@weir/history/schema';
import { align, PREFIX_BYTES, type TableDescription } from './layout.js';
import { type Row, StringTable, TableEncoder } from './table-encoder.js';

/** The tables of rows in the order in which they are laid out, after the batch itself. */
const rowTables: readonly RowTable[] = ['hosts', 'ends', 'intervals', 'opens', 'losses'];

/** The name of a table whose rows a batch holds. */
export type RowTable = 'hosts' | 'ends' | 'intervals' | 'opens' | 'losses';

/** Number of rows by table. */
export type RowCounts = Readonly<Record<RowTable, number>>;

/** What a batch is laid out in. */
export interface EncoderParts {
  readonly table: (name: RowTable) => TableEncoder;
  /** The texts of all tables. */
  readonly strings: StringTable;
}

let readParts: (encoder: BatchEncoder) => EncoderParts;

/** For those who put the columns of many rows down at a time. */
export function partsOf(encoder: BatchEncoder): EncoderParts {
  return readParts(encoder);
}

/** Takes rows as they come, and makes a batch of them. */
export class BatchEncoder {
  static {
    readParts = (encoder) => ({
      table: (name) => encoder.#encoders.get(name)!,
      strings: encoder.#strings,
    });
  }

  readonly #strings = new StringTable();
  readonly #encoders = new Map<TableName, TableEncoder>(
    (['batches', ...rowTables] as const).map((table) => [table, new TableEncoder(table, this.#strings)]),
  );

  /** Adds a row. Nothing of it is kept. */
  add(table: RowTable, row: object): void {
    this.#encoders.get(table)!.add(row as Row);
  }

  /** Rows so far. */
  get rows(): RowCounts {
    const counts = rowTables.map((table) => [table, this.#encoders.get(table)!.rows]);
    return Object.fromEntries(counts) as Record<RowTable, number>;
  }

  /**
   * The bytes of a batch with the rows so far. The next row is the first of another batch, also after an error.
   *
   * @throws TypeError where a row lacks a value that it must have: a bug of the caller.
   */
  finish(batch: BatchRow): Buffer {
    try {
      this.#encoders.get('batches')!.add(batch as unknown as Row);
      const descriptions: TableDescription[] = [];
      const parts: Uint8Array[] = [];
      for (const [table, encoder] of this.#encoders) {
        if (encoder.rows === 0) continue;
        const { columns, parts: own } = encoder.encode();
        descriptions.push({ table, rows: encoder.rows, columns });
        parts.push(...own);
      }
      return join({ tables: descriptions, strings: this.#strings.strings }, parts);
    } finally {
      for (const encoder of this.#encoders.values()) encoder.clear();
      this.#strings.clear();
    }
  }
}

/** The bytes of a batch. @throws TypeError where a row lacks a value that it must have: a bug of the caller. */
export function encodeBatch(batch: Batch): Buffer {
  const encoder = new BatchEncoder();
  addRows(encoder, batch);
  return encoder.finish(batch);
}

/** Adds all rows of a batch. */
export function addRows(
  encoder: BatchEncoder,
  rows: Readonly<Partial<Record<RowTable, readonly object[]>>>,
): void {
  for (const table of rowTables) for (const row of rows[table] ?? []) encoder.add(table, row);
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
