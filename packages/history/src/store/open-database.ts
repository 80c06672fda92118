/** An opened database file with its connections; replaced as a whole after an error that DuckDB cannot recover from. */
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { HistoryError, InterruptedError, NoHistoryError } from '../errors.js';
import { quoteText, RECENT, type Schema } from '../schema/index.js';
import { type RowWriter, TableWriter } from './append-rows.js';
import { query, type Segment, storedVersion } from './catalog.js';
import { type DatabaseOptions, inTransaction, openDatabase } from './database.js';
import { EndsWriter } from './ends-writer.js';
import { Epochs } from './epochs.js';
import { failureKind } from './failure-kind.js';
import { KeptCatalog } from './kept-catalog.js';
import { type ReadOptions, Session, type SessionOptions } from './session.js';

/** Milliseconds from one interruption to the next, until the statement has ended. */
const INTERRUPT_MS = 20;

/** What a question needs beside its connection. */
export type Sources = Omit<SessionOptions, 'connection' | 'catalog' | 'signal'>;

/** An opened database. */
export class OpenDatabase {
  readonly #instance: DuckDBInstance;
  /** For appends, one at a time. */
  readonly appending: DuckDBConnection;
  /** For all else that changes something, one at a time, beside appends. */
  readonly maintaining: DuckDBConnection;
  readonly #catalog = new KeptCatalog();

  private constructor(instance: DuckDBInstance, appending: DuckDBConnection, maintaining: DuckDBConnection) {
    this.#instance = instance;
    this.appending = appending;
    this.maintaining = maintaining;
  }

  static async open(options: DatabaseOptions): Promise<OpenDatabase> {
    const instance = await openDatabase(options);
    return new OpenDatabase(instance, await instance.connect(), await instance.connect());
  }

  /** Writers for all tables. */
  async writers({ tables }: Schema): Promise<ReadonlyMap<string, RowWriter>> {
    const writers = new Map<string, RowWriter>();
    for (const [name, columns] of Object.entries(tables)) {
      const kind = name === 'ends' ? EndsWriter : TableWriter;
      writers.set(name, await kind.for(this.maintaining, name, columns));
    }
    return writers;
  }

  /** What is stored of each epoch. */
  epochs(): Promise<Epochs> {
    return Epochs.load(this.maintaining);
  }

  /** All segments, the oldest first. The next question then has them, too. */
  async segments(): Promise<readonly Segment[]> {
    const { maintaining } = this;
    const { all } = await inTransaction(maintaining, () => this.#catalog.segments(maintaining));
    return all;
  }

  /** Whether it still works after an error. */
  async isUsable(): Promise<boolean> {
    try {
      await query(this.maintaining, `SELECT 1 FROM ${RECENT}.store`);
      return true;
    } catch {
      return false;
    }
  }

  /** @throws HistoryError unless this program can read its tables. */
  async checkVersion(schema: Schema, folder: string): Promise<void> {
    const version = await storedVersion(this.maintaining);
    if (version === undefined) throw new NoHistoryError(`${folder} has no history`);
    if (version > schema.version)
      throw new HistoryError(`${folder} has version ${version} of the schema: use a newer Weir`);
  }

  /** Runs a question in a transaction of its own. */
  async read<T>(
    sources: Sources,
    question: (session: Session) => Promise<T>,
    { signal }: ReadOptions,
  ): Promise<{ readonly result: T } | { readonly error: unknown; readonly session?: Session }> {
    const connection = await this.#instance.connect();
    let session: Session | undefined;
    let repetition: NodeJS.Timeout | undefined;
    // A statement that has not quite begun misses an interruption, so it is repeated.
    const interrupt = () => {
      connection.interrupt();
      repetition ??= setInterval(() => connection.interrupt(), INTERRUPT_MS);
    };
    signal?.addEventListener('abort', interrupt);
    try {
      const result = await inTransaction(
        connection,
        async () => {
          signal?.throwIfAborted();
          session = await Session.begin({ ...sources, connection, catalog: this.#catalog, signal });
          const found = await question(session);
          // An interruption after the last statement stops nothing.
          signal?.throwIfAborted();
          return found;
        },
        ' READ ONLY',
      );
      return { result };
    } catch (error) {
      if (signal?.aborted === true) throw new InterruptedError('the question was ended');
      return { error, ...(session !== undefined && { session }) };
    } finally {
      signal?.removeEventListener('abort', interrupt);
      clearInterval(repetition);
      connection.closeSync();
    }
  }

  /** Reads all of a segment. @returns what is wrong with it; undefined: nothing. */
  async inspect(path: string): Promise<string | undefined> {
    try {
      await query(this.maintaining, `SELECT count(COLUMNS(*)) FROM read_parquet(${quoteText(path)})`);
      return undefined;
    } catch (error) {
      if (failureKind(error) === 'invalidated') throw error;
      return (error as Error).message.split('\n', 1)[0]!;
    }
  }

  close(): void {
    this.appending.closeSync();
    this.maintaining.closeSync();
    this.#instance.closeSync();
  }
}
