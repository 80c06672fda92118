/** What was open at the end, as sweeps have listed it: a cheaper question than what was open at any moment. */
import { RowReader, rowColumns } from '../rows/row-reader.js';
import { type OpenRow, openColumns, RECENT } from '../schema/index.js';
import type { HistoryReader, ReadOptions } from '../store/session.js';
import { timeValue } from './condition.js';

/** How much is asked. */
export interface ListedOpenQuery extends ReadOptions {
  /** At most so many connections. */
  readonly limit: number;
}

const LAST = 2n ** 63n - 2n;

/**
 * Connections that a sweep has listed since the last full one, and whose end is not in the history. What has no number of a
 * flow is left out: only its addresses would say whether it has ended.
 *
 * @throws InterruptedError when its signal ended it
 */
export function queryListedOpen(reader: HistoryReader, query: ListedOpenQuery): Promise<readonly OpenRow[]> {
  return reader.read(async (session) => {
    const [full] = await session.query(
      `SELECT epoch_ns(max(time)) FROM ${RECENT}.batches WHERE sweep = 'full'`,
    );
    const from = full?.[0] as bigint | null | undefined;
    if (from === null || from === undefined) return [];
    const range = { from, to: LAST };
    const flow = 'flow_ns, flow_cpu';
    const rows = await session.query(
      `SELECT ${rowColumns(openColumns).join(', ')} FROM ${session.source('opens', { range })} AS look
       ANTI JOIN (SELECT ${flow} FROM ${session.source('ends', { range })} WHERE time >= $1) AS ended USING (${flow})
       WHERE time >= $1 AND flow_ns IS NOT NULL LIMIT ${query.limit}`,
      [timeValue(from)],
    );
    const rowReader = new RowReader(openColumns);
    return rows.map((row) => rowReader.read(row));
  }, query);
}
