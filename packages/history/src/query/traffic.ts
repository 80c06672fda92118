/** One subquery with all that happened in a range: what ended, and what moved while it was open. Pure. */
import { sourceNames, trafficRows } from '../rollup/traffic-rows.js';
import type { Session, TimeRange } from '../store/session.js';
import { all, type Condition } from './condition.js';

/** What is read of the rows of both tables. */
export interface TrafficQuery {
  readonly range: TimeRange;
  readonly where?: Condition | undefined;
  /** SQL over the rows. A column that none of it names is not among them: a plan with all of them takes twice as long. */
  readonly users: readonly string[];
  /** Names of segments that are not read. */
  readonly without?: ReadonlySet<string>;
}

/** The rows of both tables, as {@link trafficRows} has them. */
export function traffic(session: Session, { range, where, users, without }: TrafficQuery): Condition {
  const filter = all(where);
  const used = wordsOf([...users, filter.sql]);
  const rows = (['ends', 'intervals'] as const).map((table) => {
    const source = session.source(table, { range, isExact: true, without, names: sourceNames(used) });
    return trafficRows(table, source, used);
  });
  return {
    sql: `(SELECT * FROM (${rows.join(' UNION ALL ')}) WHERE ${filter.sql})`,
    values: filter.values,
  };
}

/** All words of SQL, among which are the names of columns. */
function wordsOf(sql: readonly string[]): ReadonlySet<string> {
  return new Set(sql.flatMap((text) => text.match(/\w+/g) ?? []));
}
