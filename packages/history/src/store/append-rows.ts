/** Appends rows of a table in bulk, within the connection's transaction. */
import { setImmediate } from 'node:timers/promises';
import {
  BIGINT,
  BOOLEAN,
  type DuckDBConnection,
  DuckDBDataChunk,
  type DuckDBType,
  TIMESTAMP_NS,
  UBIGINT,
  UINTEGER,
  USMALLINT,
  UUID,
  VARCHAR,
} from '@duckdb/node-api';
import bindings, { type Vector } from '@duckdb/node-bindings';
import {
  type Column,
  type Columns,
  columnTypes,
  quoteName,
  RECENT,
  type TableColumns,
} from '../schema/index.js';
import { type AnyRow, CHUNK_ROWS, ColumnWriter } from './column-writer.js';
import { ColumnCopier } from './copy-columns.js';

const types: Readonly<Record<(typeof columnTypes)[keyof typeof columnTypes], DuckDBType>> = {
  TIMESTAMP_NS,
  BIGINT,
  UBIGINT,
  UINTEGER,
  USMALLINT,
  VARCHAR,
  BOOLEAN,
  UUID,
};

/** Writes rows of one table, one batch after the other. */
export interface RowWriter {
  /**
   * Appends rows, which may be there as columns.
   *
   * @throws OptionError where a row has a value that its column cannot hold.
   */
  append(connection: DuckDBConnection, rows: readonly AnyRow[] | TableColumns): Promise<void>;
  /** The transaction of the last append was committed. */
  stored?(): void;
  /** Rows of the table were copied to segments. */
  copied?(): void;
}

/** Writes rows of one table into chunks. */
export class TableWriter implements RowWriter {
  readonly #table: string;
  readonly #types: readonly DuckDBType[];
  /** In the order of the database. */
  readonly #columns: readonly (readonly [name: string, column: Column])[];
  readonly #writers: readonly ColumnWriter[];

  /** @param order The columns' names as the database has them: those that a migration added come last there. */
  constructor(table: string, columns: Columns, order: readonly string[] = Object.keys(columns)) {
    this.#table = table;
    const ordered = order.map((name) => [name, columns[name]!] as const);
    this.#columns = ordered;
    this.#types = ordered.map(([, { kind }]) => types[columnTypes[kind]]);
    this.#writers = ordered.map(([name, column]) => new ColumnWriter(name, column));
  }

  /** A writer for a table as a database file has it. */
  static async for(connection: DuckDBConnection, table: string, columns: Columns): Promise<TableWriter> {
    // The information schema lists the columns of all tables first, which takes ten times as long.
    const empty = await connection.run(`SELECT * FROM ${RECENT}.${quoteName(table)} LIMIT 0`);
    return new TableWriter(table, columns, empty.columnNames());
  }

  async append(connection: DuckDBConnection, rows: readonly AnyRow[] | TableColumns): Promise<void> {
    if ('columns' in rows) {
      const copier = new ColumnCopier(rows);
      await this.#append(connection, rows.rows, (vector, index, start, count) =>
        copier.copy(vector, ...this.#columns[index]!, { start, count }),
      );
    } else {
      await this.#append(connection, rows.length, (vector, index, start, count) =>
        this.#writers[index]!.write(vector, rows, start, count),
      );
    }
  }

  async #append(connection: DuckDBConnection, length: number, write: WriteColumn): Promise<void> {
    if (length === 0) return;
    const appender = await connection.createAppender(this.#table, RECENT);
    try {
      for (let start = 0; start < length; start += CHUNK_ROWS) {
        // Native values of a chunk are freed only between turns of the event loop.
        if (start > 0) await setImmediate();
        const count = Math.min(CHUNK_ROWS, length - start);
        const chunk = DuckDBDataChunk.create(this.#types, count);
        for (const index of this.#columns.keys())
          write(bindings.data_chunk_get_vector(chunk.chunk, index), index, start, count);
        appender.appendDataChunk(chunk);
      }
      appender.closeSync();
    } catch (error) {
      // Else what it holds is appended when it is collected as garbage, outside this transaction.
      appender.clear();
      throw error;
    }
  }
}

/** Writes some rows of the column with an index into a vector. */
type WriteColumn = (vector: Vector, index: number, start: number, count: number) => void;
