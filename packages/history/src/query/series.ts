/** Figures over time. */
import type { DuckDBValue } from '@duckdb/node-api';
import { OptionError } from '@weir/ebpf/errors';
import { addedList } from '../rollup/sums.js';
import type { HistoryReader, TimeRange } from '../store/session.js';
import { type Answer, answer, type QueryLimits } from './answer.js';
import type { Condition } from './condition.js';
import { fieldsNamed } from './fields.js';
import { checkLimit } from './groups.js';
import { type GroupKey, readKey } from './keys.js';
import {
  MEASURE_COUNT,
  type MeasureOrder,
  type Measures,
  measureList,
  measureOrders,
  readMeasures,
} from './measures.js';
import { trafficSums } from './traffic-sums.js';

/** Which figures are wanted. */
export interface SeriesQuery extends QueryLimits {
  readonly range: TimeRange;
  /** Nanoseconds of a step, at least a second. Steps begin at multiples of it since 1970. */
  readonly step: bigint;
  /** Names of `groupFields`: a series for each of the largest groups. Default: one series of all. */
  readonly by?: readonly string[];
  readonly where?: Condition;
  /** By what groups are the largest. Default: bytes. */
  readonly order?: MeasureOrder;
  /** At most so many series, up to 100. Default: 10. */
  readonly limit?: number;
}

/** Figures of a step. */
export interface Point extends Measures {
  /** When the step begins, nanoseconds since 1970. */
  readonly time: bigint;
}

/** Figures of a group, step by step. */
export interface Series {
  readonly key: GroupKey;
  /** Steps in which something was, in order of time. */
  readonly points: readonly Point[];
}

/** Steps of a range. */
export const MOST_STEPS = 20_000n;
const SECOND = 1_000_000_000n;

/** Figures of a range, step by step. @throws OptionError, InterruptedError */
export function querySeries(reader: HistoryReader, query: SeriesQuery): Promise<Answer<readonly Series[]>> {
  const { range, step, by = [], where, order = 'bytes' } = query;
  const fields = fieldsNamed(by);
  const limit = checkLimit(query.limit ?? 10, 100);
  if (step < SECOND) throw new OptionError('step: expected at least a second');
  if ((range.to - range.from) / step > MOST_STEPS)
    throw new OptionError(`step: the range has more than ${MOST_STEPS} steps, choose a longer one`);
  if (!Object.hasOwn(measureOrders, order))
    throw new OptionError(`order: choose from ${Object.keys(measureOrders).join(', ')}`);
  return answer(reader, range, query, async (session) => {
    const sums = await trafficSums(session, { range, fields, where, step });
    const names = fields.map((_, index) => `k${index}`);
    const same =
      names.map((name) => `steps.${name} IS NOT DISTINCT FROM largest.${name}`).join(' AND ') || 'true';
    const rows = await session.query(
      `WITH steps AS MATERIALIZED ${sums.sql},
       groups AS (SELECT ${[...names, addedList].join(', ')} FROM steps GROUP BY ${names.join(', ') || '()'}),
       largest AS (SELECT ${[...names, measureList].join(', ')} FROM groups
         ORDER BY ${measureOrders[order]} DESC NULLS LAST${names.map((name) => `, ${name}`).join('')} LIMIT ${limit}),
       ranked AS (SELECT *, row_number() OVER (ORDER BY ${measureOrders[order]} DESC NULLS LAST${names.map((name) => `, ${name}`).join('')}) AS place FROM largest)
       SELECT ${[...names.map((name) => `steps.${name}`), measureList, 'step', 'place'].join(', ')} FROM steps JOIN ranked AS largest ON ${same} ORDER BY place, step`,
      [...sums.values],
    );
    return collect(rows, by, step);
  });
}

function collect(rows: readonly (readonly DuckDBValue[])[], by: readonly string[], step: bigint): Series[] {
  const series = new Map<DuckDBValue, { key: GroupKey; points: Point[] }>();
  const seconds = Number(step) / 1e9;
  for (const row of rows) {
    const measures = readMeasures(row.slice(by.length, by.length + MEASURE_COUNT), seconds);
    const [number, place] = row.slice(by.length + MEASURE_COUNT) as [bigint, bigint];
    let group = series.get(place);
    if (group === undefined) {
      group = { key: readKey(by, row), points: [] };
      series.set(place, group);
    }
    group.points.push({ time: number * step, ...measures });
  }
  return [...series.values()];
}
