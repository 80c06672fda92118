/** Figures over time. */
import { OptionError } from '@weir/ebpf/errors';
import { addedList } from '../rollup/sums.js';
import type { HistoryReader, TimeRange } from '../store/session.js';
import { type Answer, answer, type QueryLimits } from './answer.js';
import type { Condition } from './condition.js';
import { fieldsNamed, groupFields } from './fields.js';
import { checkLimit } from './groups.js';
import { type GroupKey, readKey } from './keys.js';
import {
  MEASURE_COUNT,
  type MeasureOrder,
  type Measures,
  type MeasureValue,
  measureList,
  measureOrders,
  readMeasures,
} from './measures.js';
import { withJoinedBoots } from './stored-hosts.js';
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

/** What a question about series asks for. @throws OptionError where it makes no sense */
export function checkSeries(query: SeriesQuery, known = groupFields) {
  const { range, step, by = [], order = 'bytes' } = query;
  const fields = fieldsNamed(by, known);
  const limit = checkLimit(query.limit ?? 10, 100);
  if (step < SECOND) throw new OptionError('step: expected at least a second');
  if ((range.to - range.from) / step > MOST_STEPS)
    throw new OptionError(`step: the range has more than ${MOST_STEPS} steps, choose a longer one`);
  if (!Object.hasOwn(measureOrders, order))
    throw new OptionError(`order: choose from ${Object.keys(measureOrders).join(', ')}`);
  return { by, fields, limit, order };
}

/** Figures of a range, step by step. @throws OptionError, InterruptedError */
export function querySeries(reader: HistoryReader, query: SeriesQuery): Promise<Answer<readonly Series[]>> {
  const { range, step, where } = query;
  const { by, fields: asked, limit, order } = checkSeries(query);
  return answer(reader, range, query, async (session) => {
    const fields = await withJoinedBoots(session, by, asked);
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
    return collectSeries(
      rows.map((row) => ({
        key: readKey(by, row),
        measures: row.slice(by.length, by.length + MEASURE_COUNT),
        step: row[by.length + MEASURE_COUNT] as bigint,
        place: Number(row.at(-1)),
      })),
      step,
    );
  });
}

/** A step of a series, as a database returns it. */
export interface SeriesRow {
  readonly key: GroupKey;
  readonly measures: readonly MeasureValue[];
  /** Its number since 1970. */
  readonly step: bigint;
  /** The place of its series among all. */
  readonly place: number;
}

/** Puts steps together to series. @param step Nanoseconds. */
export function collectSeries(rows: readonly SeriesRow[], step: bigint): Series[] {
  const series = new Map<number, { key: GroupKey; points: Point[] }>();
  const seconds = Number(step) / 1e9;
  for (const { key, measures, step: number, place } of rows) {
    let group = series.get(place);
    if (group === undefined) {
      group = { key, points: [] };
      series.set(place, group);
    }
    group.points.push({ time: number * step, ...readMeasures(measures, seconds) });
  }
  return [...series.values()];
}
