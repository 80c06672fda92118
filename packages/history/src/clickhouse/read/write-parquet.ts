/** Connections of all hosts as a file in Parquet. */
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Answer } from '../../query/answer.js';
import { checkLimit } from '../../query/groups.js';
import { newFileError, type ParquetQuery } from '../../query/parquet.js';
import { rowColumns } from '../../rows/row-reader.js';
import { endColumns } from '../../schema/index.js';
import { tablePlace } from '../create-tables.js';
import { withinSql } from './bounds.js';
import type { ClickhouseReader } from './clickhouse-reader.js';
import { answerIn } from './coverage.js';
import { conditionOf } from './read-connections.js';

const MOST_ROWS = 2 ** 31 - 1;

/**
 * Writes the rows of `ends` of a range to a new file that only its owner can read, with the name of each row's host as `host`.
 *
 * @returns how many there are.
 * @throws OptionError where there is such a file; InterruptedError, HistoryError
 */
export function clickhouseParquet(reader: ClickhouseReader, query: ParquetQuery): Promise<Answer<number>> {
  const { range, where, file } = query;
  const most = checkLimit(query.limit ?? MOST_ROWS, MOST_ROWS);
  return answerIn(reader, range, query, async (asking) => {
    const { connection, signal, settings } = asking;
    const { sql, parameters } = conditionOf(where);
    const chosen = `FROM ${tablePlace(asking, 'ends')} WHERE ${withinSql(range)} AND ${sql}`;
    const [row] = await asking.rows(`SELECT count() ${chosen}`, parameters);
    // Rows that come meanwhile are not in the number that is returned.
    const rows = Math.min(most, Number(row![0]));
    const columns = rowColumns(endColumns).map((name) => `"${name}"`);
    const names = `SELECT host_id AS named, any(name) AS host FROM ${tablePlace(asking, 'hosts')} GROUP BY host_id`;
    const found = await connection.stream(
      `SELECT ends.*, nullIf(host, '') AS host FROM (SELECT ${columns.join(', ')} ${chosen} ORDER BY "time" DESC LIMIT ${rows}) AS ends
       LEFT JOIN (${names}) AS hosts ON named = ends.host_id FORMAT Parquet`,
      parameters,
      { signal, settings: { ...settings, output_format_parquet_compression_method: 'zstd' } },
    );
    try {
      await pipeline(found, createWriteStream(file, { mode: 0o600, flags: 'wx' }));
    } catch (error) {
      const failure = newFileError(file, error);
      // What is half written is no file; one that was there before stays.
      if (failure === error) await rm(file, { force: true });
      throw failure;
    }
    return rows;
  });
}
