/** Appends rows of `ends`: most of them without what they share with others, which is stored once. */
import type { DuckDBConnection } from '@duckdb/node-api';
import {
  type Columns,
  RECENT,
  SHARED_ENDS,
  SHARED_NUMBER,
  SHORT_ENDS,
  sharedColumns,
  shortColumns,
  type TableColumns,
} from '../schema/index.js';
import { type RowWriter, TableWriter } from './append-rows.js';
import { query } from './catalog.js';
import type { AnyRow } from './column-writer.js';
import { SharedValues } from './shared-values.js';

/** Writes rows of `ends`. */
export class EndsWriter implements RowWriter {
  readonly #whole: TableWriter;
  readonly #short: TableWriter;
  readonly #shared: TableWriter;
  readonly #values: SharedValues;
  /** Copies so far, those before the last removal, and those before one whose transaction is not committed yet. */
  #copies = 0;
  #pruned = 0;
  #pruning = 0;

  private constructor(whole: TableWriter, short: TableWriter, shared: TableWriter, next: number) {
    this.#whole = whole;
    this.#short = short;
    this.#shared = shared;
    this.#values = new SharedValues(next);
  }

  /** A writer for the tables as a database file has them. */
  static async for(connection: DuckDBConnection, table: string, columns: Columns): Promise<EndsWriter> {
    const [row] = await query(
      connection,
      `SELECT coalesce(max(${SHARED_NUMBER}), 0) FROM ${RECENT}.${SHARED_ENDS}`,
    );
    return new EndsWriter(
      await TableWriter.for(connection, table, columns),
      await TableWriter.for(connection, SHORT_ENDS, shortColumns),
      await TableWriter.for(connection, SHARED_ENDS, sharedColumns),
      Number(row![0]) + 1,
    );
  }

  /** Rows that are there as columns are shortened where that pays. */
  async append(connection: DuckDBConnection, rows: readonly AnyRow[] | TableColumns): Promise<void> {
    this.#values.begin();
    if (this.#pruned < this.#copies) await this.#prune(connection);
    const short = 'columns' in rows ? this.#values.shorten(rows) : undefined;
    if (short === undefined) return this.#whole.append(connection, rows);
    await this.#shared.append(connection, short.shared);
    await this.#short.append(connection, short.short);
  }

  stored(): void {
    this.#values.stored();
    this.#pruned = this.#pruning;
  }

  /** The next append removes shared columns that no row needs any more. */
  copied(): void {
    this.#copies++;
  }

  /** In the transaction of an append, since no other can add rows at that time which need what is removed here. */
  async #prune(connection: DuckDBConnection): Promise<void> {
    this.#pruning = this.#copies;
    this.#values.forget();
    await connection.run(
      `DELETE FROM ${RECENT}.${SHARED_ENDS} WHERE ${SHARED_NUMBER} NOT IN
       (SELECT ${SHARED_NUMBER} FROM ${RECENT}.${SHORT_ENDS})`,
    );
  }
}
