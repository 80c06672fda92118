/** SQL of users: one statement that reads, within limits. */
import { type DuckDBConnection, JsonDuckDBValueConverter } from '@duckdb/node-api';
import { OptionError } from '@weir/ebpf/errors';
import { InterruptedError } from '../errors.js';
import { type TableName, tables } from '../schema/index.js';
import { failureKind } from '../store/failure-kind.js';
import type { HistoryReader, Session } from '../store/session.js';
import { ask, type QueryLimits } from './answer.js';
import { checkLimit } from './groups.js';
import { checkSql } from './sql-check.js';
import { statementMistake } from './sql-mistake.js';

/** A statement of a user. */
export interface SqlQuery extends QueryLimits {
  /** One SELECT (or WITH, FROM, VALUES, DESCRIBE, SUMMARIZE) over the tables of docs/history.md. */
  readonly sql: string;
  /** At most so many rows, up to 1,000,000. Default: 10,000. */
  readonly limit?: number;
}

/** What a statement returned. */
export interface SqlResult {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** Values that JSON can hold: 64-bit numbers, times and whatever else it cannot are text. */
  readonly rows: readonly (readonly unknown[])[];
  /** Whether there were more rows than the limit allowed. */
  readonly truncated: boolean;
}

const MOST_ROWS = 1_000_000;
const LONGEST = 1_000_000;
/** Texts are in the memory of this process, outside of the database's limit. */
const MOST_CHARACTERS = 64 * 2 ** 20;

/** The limit on rows of a statement. @throws OptionError where it makes no sense, or the statement is too long */
export function checkSqlQuery({ sql, limit = 10_000 }: SqlQuery): number {
  if (sql.length > LONGEST) throw new OptionError(`sql: at most ${LONGEST} characters`);
  return checkLimit(limit, MOST_ROWS);
}

/**
 * Runs a statement. It can change nothing and reach no other file, whatever it says.
 *
 * @throws OptionError for a statement that is wrong or not allowed; InterruptedError.
 */
export function querySql(reader: HistoryReader, query: SqlQuery): Promise<SqlResult> {
  const limit = checkSqlQuery(query);
  return ask(reader, query, async (session) => {
    try {
      await checkSql(session.connection, query.sql);
      await makeViews(session);
      return await run(session.connection, query.sql, limit);
    } catch (error) {
      throw userError(error);
    }
  });
}

/** Views of this connection alone: they see what the transaction sees. */
async function makeViews(session: Session): Promise<void> {
  for (const table of Object.keys(tables) as TableName[]) {
    const source = session.source(table);
    await session.connection.run(`CREATE OR REPLACE TEMP VIEW ${table} AS SELECT * FROM ${source}`);
  }
}

async function run(connection: DuckDBConnection, sql: string, limit: number): Promise<SqlResult> {
  const result = await connection.stream(sql);
  const types = result.columnTypes();
  const columns = result.columnNames().map((name, index) => ({ name, type: String(types[index]) }));
  const rows: (readonly unknown[])[] = [];
  let room = MOST_CHARACTERS;
  while (rows.length <= limit) {
    const chunk = await result.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) break;
    for (let row = 0; row < chunk.rowCount && rows.length <= limit; row++) {
      const values = chunk.convertRowValues(row, JsonDuckDBValueConverter);
      room -= sizeOf(values);
      if (room < 0)
        throw new OptionError(
          `sql: the answer has more than ${MOST_CHARACTERS / 2 ** 20} Mi characters: ask for less`,
        );
      rows.push(values);
    }
  }
  return { columns, rows: rows.slice(0, limit), truncated: rows.length > limit };
}

/** Characters of a value, about. */
function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 1;
  return Object.entries(value).reduce((sum, [name, part]) => sum + name.length + sizeOf(part), 1);
}

const mistakes =
  /^(Parser|Binder|Catalog|Conversion|Permission|Not implemented|Out of Range|Invalid Input|Mismatch Type)/i;

/** A damaged segment, which DuckDB takes for a wrong parameter. */
const unreadable = /^Invalid Input Error: (?:Failed to read file|Parquet file )/;

/** What DuckDB says against a statement is the user's mistake, except where the history is at fault. */
function userError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof OptionError || error instanceof InterruptedError)
    return error;
  const kind = failureKind(error);
  if (kind === 'memory')
    return new OptionError('sql: the statement needs more memory than is allowed: ask about less', {
      cause: error,
    });
  if (kind === 'other' && mistakes.test(error.message) && !unreadable.test(error.message))
    return new OptionError(`sql: ${statementMistake(error.message, Object.keys(tables))}`, { cause: error });
  return error;
}
