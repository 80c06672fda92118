/** What happened: rows of `ends`, and of `intervals` with the same columns. Pure. */
import { endColumns, intervalColumns, selectList } from '../schema/index.js';

const common = Object.keys(intervalColumns).filter((name) => name in endColumns);
const own = Object.fromEntries(
  Object.entries(endColumns).filter(([name]) => !(name in intervalColumns)),
) as Partial<typeof endColumns>;
const figures = ['bytes_sent', 'bytes_received', 'segments_sent', 'segments_received', 'retransmits'];

/**
 * A SELECT of the rows of a table with the columns of `ends`. Bytes are counted once: an end whose bytes its intervals have counts
 * none, so its columns `counted_…` are NULL. `is_end` says which is which.
 *
 * @param source A subquery with the columns of the table.
 */
export function trafficRows(table: 'ends' | 'intervals', source: string): string {
  const isEnd = table === 'ends';
  const counted = figures.map(
    (name) => `${isEnd ? `CASE WHEN interval_rows = 0 THEN ${name} END` : name} AS counted_${name}`,
  );
  const names = isEnd ? [...common, ...Object.keys(own)] : common;
  const missing = isEnd ? [] : [selectList(own as typeof endColumns, 0)];
  const columns = [...names.map((name) => `"${name}"`), ...missing, ...counted, `${isEnd} AS is_end`];
  return `SELECT ${columns.join(', ')} FROM ${source}`;
}
