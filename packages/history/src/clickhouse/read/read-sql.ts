/** SQL of users to ClickHouse: one statement that reads, within limits. */
import { OptionError } from '@weir/ebpf/errors';
import { checkSqlQuery, type SqlQuery, type SqlResult } from '../../query/sql.js';
import { serverErrorCode } from '../clickhouse-connection.js';
import type { ClickhouseReader } from './clickhouse-reader.js';
import { errorCodes, firstLine } from './read-failure.js';

/** Memory of a statement, bytes, and of its answer. */
const MOST_MEMORY = 4 * 2 ** 30;
const MOST_BYTES = 64 * 2 ** 20;

/** Statements that only read; ClickHouse refuses others, too. */
const reads =
  /^(?:\s|--[^\n]*\n|\/\*.*?\*\/)*\(*\s*(?:SELECT|WITH|FROM|VALUES|DESCRIBE|DESC|SHOW|EXISTS|EXPLAIN)\b/is;

/** Errors that are not about the statement. */
const ownErrors: ReadonlySet<number> = new Set([
  ...[errorCodes.timeout, errorCodes.cancelled, errorCodes.authentication, errorCodes.unknownDatabase],
]);

/**
 * Runs a statement with `readonly = 2`. What else it may reach is up to the rights of the user.
 *
 * @throws OptionError for a statement that is wrong or not allowed; InterruptedError; HistoryError
 */
export function clickhouseSql(reader: ClickhouseReader, query: SqlQuery): Promise<SqlResult> {
  const limit = checkSqlQuery(query);
  if (!reads.test(query.sql)) throw new OptionError('sql: only one statement that reads is allowed');
  return reader.ask(query, async ({ connection, signal, settings }) => {
    try {
      const limits = {
        limit: limit + 1,
        max_memory_usage: MOST_MEMORY,
        max_result_bytes: MOST_BYTES,
        result_overflow_mode: 'throw',
      };
      const { meta, data } = await connection.table(
        query.sql,
        {},
        // What the statement says about NULL and joins has ClickHouse's own meaning.
        { signal, settings: { ...settings, join_use_nulls: 0, transform_null_in: 0, ...limits } },
      );
      return {
        columns: meta.map(({ name, type }) => ({ name, type })),
        rows: data.slice(0, limit),
        truncated: data.length > limit,
      };
    } catch (error) {
      throw userError(error);
    }
  });
}

/** What ClickHouse says against a statement is the user's mistake, except where the history is at fault. */
function userError(error: unknown): unknown {
  const code = serverErrorCode(error);
  if (code === undefined || ownErrors.has(code)) return error;
  if (code === errorCodes.memory)
    return new OptionError('sql: the statement needs more memory than is allowed: ask about less', {
      cause: error,
    });
  if (code === errorCodes.tooManyBytes)
    return new OptionError(`sql: the answer has more than ${MOST_BYTES / 2 ** 20} MiB: ask for less`, {
      cause: error,
    });
  return new OptionError(`sql: ${firstLine(error)}`, { cause: error });
}
