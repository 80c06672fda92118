/** One subquery with all that happened in a range: what ended, and what moved while it was open. Pure. */
import { trafficRows } from '../rollup/traffic-rows.js';
import type { Session, TimeRange } from '../store/session.js';
import { all, type Condition, within } from './condition.js';

/**
 * The rows of both tables, as {@link trafficRows} has them.
 *
 * @param without Names of segments that are not read.
 */
export function traffic(
  session: Session,
  range: TimeRange,
  where?: Condition,
  without?: ReadonlySet<string>,
): Condition {
  const bounds = within(range);
  const rows = (['ends', 'intervals'] as const).map(
    (table) => `${trafficRows(table, session.source(table, range, without))} WHERE ${bounds.sql}`,
  );
  const filter = all(where);
  return {
    sql: `(SELECT * FROM (${rows.join(' UNION ALL ')}) WHERE ${filter.sql})`,
    values: [...bounds.values, ...bounds.values, ...filter.values],
  };
}
