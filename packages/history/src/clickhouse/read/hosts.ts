/** The hosts of which there are rows. */
import type { QueryLimits } from '../../query/answer.js';
import { type HostRow, hostColumns } from '../../schema/index.js';
import { tablePlace } from '../create-tables.js';
import type { ClickhouseReader } from './clickhouse-reader.js';
import { ClickhouseRows, selectedColumns } from './row-columns.js';

/** All hosts, a row for each boot, the newest first. @throws HistoryError, InterruptedError */
export function clickhouseHosts(reader: ClickhouseReader, limits: QueryLimits): Promise<HostRow[]> {
  return reader.ask(limits, async (asking) => {
    const rows = await asking.rows(
      `SELECT ${selectedColumns(hostColumns)} FROM ${tablePlace(asking, 'hosts')} FINAL ORDER BY "time" DESC`,
    );
    const reading = new ClickhouseRows(hostColumns);
    return rows.map((row) => reading.read(row));
  });
}
