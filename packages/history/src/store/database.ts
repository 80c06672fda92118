/** The DuckDB instance of a history, confined to its folder. */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { HistoryError, HistoryInUseError, ReadOnlyError } from '../errors.js';
import { quoteText } from '../schema/index.js';
import { failureKind } from './failure-kind.js';

/** Limits of the database. */
export interface DatabaseLimits {
  /** Bytes for its buffers; it uses up to about twice that. */
  readonly memoryBytes: number;
  readonly threads: number;
  /** Bytes on disk for what does not fit. */
  readonly temporaryBytes: number;
}

/** How to open a database. */
export interface DatabaseOptions extends DatabaseLimits {
  /** The file; absent: in memory. */
  readonly path?: string;
  readonly readOnly: boolean;
  /** The folder that statements may read and write; no other file is open to them. */
  readonly segments: string;
  readonly temporary: string;
}

/**
 * Beyond this many bytes, the log of changes is worked into the file. Less makes for more work in all, since rows are compressed
 * again and again; more for a later start after a crash.
 */
const CHECKPOINT_BYTES = 64 * 2 ** 20;

/** Opens a database. From then on, no statement can reach other files, or change a setting. */
export async function openDatabase(options: DatabaseOptions): Promise<DuckDBInstance> {
  const instance = await openInstance(options);
  try {
    const connection = await instance.connect();
    await confine(connection, options);
    connection.closeSync();
    return instance;
  } catch (error) {
    instance.closeSync();
    throw error;
  }
}

async function openInstance({ path, readOnly, ...options }: DatabaseOptions): Promise<DuckDBInstance> {
  try {
    return await DuckDBInstance.create(path, {
      ...(readOnly && path !== undefined && { access_mode: 'READ_ONLY' }),
      threads: String(options.threads),
      memory_limit: `${options.memoryBytes}B`,
      temp_directory: options.temporary,
      max_temp_directory_size: `${options.temporaryBytes}B`,
      // Copies to segments then need a third of the memory.
      preserve_insertion_order: 'false',
      checkpoint_threshold: `${CHECKPOINT_BYTES}B`,
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
  } catch (error) {
    throw openingError(error, path);
  }
}

function openingError(error: unknown, path = 'memory'): unknown {
  switch (failureKind(error)) {
    case 'in-use':
      return new HistoryInUseError(
        `${path} is open in another process: ask the running server, or stop it (${firstLine(error)})`,
      );
    case 'read-only':
      return new ReadOnlyError(`${path} cannot be written, its disk is read-only: open it for reading only`);
    case 'full':
    case 'missing':
      return error;
    default:
      return new HistoryError(`${path} cannot be opened: ${firstLine(error)}`, { cause: error });
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]!;
}

async function confine(connection: DuckDBConnection, { segments }: DatabaseOptions): Promise<void> {
  const statements = [
    `SET allowed_directories = [${quoteText(`${segments}/`)}]`,
    'SET enable_external_access = false',
    "SET TimeZone = 'UTC'",
    'SET lock_configuration = true',
  ];
  for (const statement of statements) await connection.run(statement);
}

/** Runs something in a transaction: all of it happens, or nothing. */
export async function inTransaction<T>(
  connection: DuckDBConnection,
  run: () => Promise<T>,
  kind: '' | ' READ ONLY' = '',
): Promise<T> {
  await connection.run(`BEGIN TRANSACTION${kind}`);
  let result: T;
  try {
    result = await run();
  } catch (error) {
    // A transaction that the database itself has ended cannot be rolled back.
    await connection.run('ROLLBACK').catch(() => {});
    throw error;
  }
  await connection.run('COMMIT');
  return result;
}
