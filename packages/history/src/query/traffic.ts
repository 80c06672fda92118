/** One subquery with all that happened in a range: what ended, and what moved while it was open. Pure. */
import type { DuckDBValue } from '@duckdb/node-api';
import { endColumns, intervalColumns, selectList } from '../schema/index.js';
import type { Session, TimeRange } from '../store/session.js';
import { all, type Condition, within } from './condition.js';

const own = Object.fromEntries(
  Object.entries(endColumns).filter(([name]) => !(name in intervalColumns)),
) as Partial<typeof endColumns>;

/**
 * The rows of both tables with the columns of `ends`. Bytes are counted once: an end whose bytes its intervals have counts none, so its
 * columns `counted_…` are NULL. `is_end` says which is which.
 */
export function traffic(session: Session, range: TimeRange, where?: Condition): Condition {
  const common = Object.keys(intervalColumns).filter((name) => name in endColumns);
  const names = [...common, ...Object.keys(own)];
  const ends = names.map((name) => `"${name}"`).join(', ');
  const figures = ['bytes_sent', 'bytes_received', 'segments_sent', 'segments_received', 'retransmits'];
  const counted = figures.map((name) => `CASE WHEN interval_rows = 0 THEN ${name} END AS counted_${name}`);
  const moved = figures.map((name) => `${name} AS counted_${name}`);
  const missing = selectList(own as typeof endColumns, 0);
  const bounds = within(range);
  const sql = `SELECT * FROM (
    SELECT ${ends}, ${counted.join(', ')}, true AS is_end FROM ${session.source('ends', range)} WHERE ${bounds.sql}
    UNION ALL
    SELECT ${common.map((name) => `"${name}"`).join(', ')}, ${missing}, ${moved.join(', ')}, false AS is_end
    FROM ${session.source('intervals', range)} WHERE ${bounds.sql}
  )`;
  const values: DuckDBValue[] = [...bounds.values, ...bounds.values];
  const filter = all(where);
  return { sql: `(${sql} WHERE ${filter.sql})`, values: [...values, ...filter.values] };
}
