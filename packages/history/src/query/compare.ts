/** Two ranges of time compared. */
import { OptionError } from '@weir/ebpf/errors';
import type { HistoryReader, TimeRange } from '../store/session.js';
import { type Answer, answer, type Coverage, coverageOf, type QueryLimits } from './answer.js';
import type { Condition } from './condition.js';
import { fieldsNamed, groupFields } from './fields.js';
import { checkLimit, secondsOf } from './groups.js';
import { type GroupKey, readKey } from './keys.js';
import { MEASURE_COUNT, type Measures, measureList, readMeasures } from './measures.js';
import { withJoinedBoots } from './stored-hosts.js';
import { trafficSums } from './traffic-sums.js';

/** What is compared. */
export interface CompareQuery extends QueryLimits {
  readonly range: TimeRange;
  /** The range before, or any other, against which it is held. */
  readonly against: TimeRange;
  /** Names of `groupFields`, at least one. */
  readonly by: readonly string[];
  readonly where?: Condition;
  /** At most so many changes, up to 10,000. Default: 1,000. */
  readonly limit?: number;
}

/** How a group differs; a group can do so in several ways. */
export type Change = 'new' | 'gone' | 'slower' | 'more_failures' | 'more_bytes';

/** A group that differs. */
export interface Difference {
  readonly key: GroupKey;
  readonly changes: readonly Change[];
  /** Its figures in the range; absent where it is gone. */
  readonly now?: Measures;
  /** Its figures in the other range; absent where it is new. */
  readonly before?: Measures;
}

/** The groups that differ, the largest in bytes first. */
export interface Comparison {
  readonly against: TimeRange;
  /** What was lost in the other range. */
  readonly againstCoverage: Coverage;
  readonly differences: readonly Difference[];
  /** How many groups both ranges have together. */
  readonly count: number;
}

/** A latency has to grow by this factor, and by this many microseconds, to be called slower. */
const SLOWER_FACTOR = 1.5;
const SLOWER_US = 100;
/** Failures and bytes are compared a second, since ranges may differ in length. */
const MORE_FACTOR = 2;
/** A mean of fewer connections says little. */
const LEAST_CONNECTIONS = 5;
const LEAST_FAILURES = 3;
const LEAST_BYTES = 1_000_000;

/** What a comparison asks for. @throws OptionError where it makes no sense */
export function checkCompare({ by, limit = 1000 }: CompareQuery, known = groupFields) {
  const fields = fieldsNamed(by, known);
  const most = checkLimit(limit, 10_000);
  if (fields.length === 0) throw new OptionError('by: expected at least one field');
  return { fields, limit: most };
}

/** Compares two ranges, group by group. @throws OptionError, InterruptedError */
export function queryCompare(reader: HistoryReader, query: CompareQuery): Promise<Answer<Comparison>> {
  const { range, against, by, where } = query;
  const { fields: asked, limit } = checkCompare(query);
  return answer(reader, range, query, async (session) => {
    const fields = await withJoinedBoots(session, by, asked);
    const now = await trafficSums(session, { range, fields, where });
    const before = await trafficSums(session, { range: against, fields, where });
    const names = fields.map((_, index) => `k${index}`);
    const grouped = (source: Condition) =>
      `SELECT ${[...names, measureList].join(', ')}
       FROM ${source.sql}`;
    const same = names.map((name) => `now.${name} IS NOT DISTINCT FROM before.${name}`).join(' AND ');
    const ratio = secondsOf(range) / secondsOf(against);
    // Hosts have hundreds of thousands of groups: only those that differ leave the database. The first row has their number alone.
    const rows = await session.query(
      `WITH now AS (${grouped(now)}), before AS (${grouped(before)}), sides AS MATERIALIZED (
         SELECT ${sides(names)}, now.m0 IS NOT NULL AS is_now, before.m0 IS NOT NULL AS is_before
         FROM now FULL JOIN before ON ${same}),
       different AS (SELECT * FROM sides WHERE ${differs('?::DOUBLE')}
         ORDER BY ${largest}, ${keysOf(names)} LIMIT ${limit})
       SELECT different.*, n FROM (SELECT count(*) AS n FROM sides) LEFT JOIN different ON true
       ORDER BY ${largest}, ${keysOf(names)}`,
      [...now.values, ...before.values, ratio, ratio],
    );
    const width = fields.length + MEASURE_COUNT;
    const differences = rows.flatMap((row): Difference[] => {
      const [isNow, isBefore] = row.slice(2 * width) as [boolean | null, boolean | null];
      // There is one row where nothing differs, for the number.
      if (isNow === null) return [];
      const [first, second] = [row.slice(0, width), row.slice(width, 2 * width)];
      return [
        compareGroup(
          readKey(by, isNow ? first : second),
          isNow ? readMeasures(first.slice(fields.length), secondsOf(range)) : undefined,
          isBefore ? readMeasures(second.slice(fields.length), secondsOf(against)) : undefined,
          ratio,
        ),
      ];
    });
    const againstCoverage = await coverageOf(session, against);
    return { against, againstCoverage, differences, count: Number(rows[0]!.at(-1)) };
  });
}

/** Columns of both sides, those of the range in front: `n_` and `b_`. */
function sides(names: readonly string[]): string {
  const columns = [...names, ...Array.from({ length: MEASURE_COUNT }, (_, index) => `m${index}`)];
  return ['now', 'before']
    .flatMap((side) => columns.map((name) => `${side}.${name} AS ${side[0]}_${name}`))
    .join(', ');
}

/** The order of differences: the largest in bytes first. */
export const largest = 'coalesce(n_m2 + n_m3, 0) + coalesce(b_m2 + b_m3, 0) DESC';

function keysOf(names: readonly string[]): string {
  return names.map((name) => `coalesce(n_${name}, b_${name})`).join(', ');
}

const hasGrown = (name: string) =>
  `(n_${name} > b_${name} * ${SLOWER_FACTOR}::DOUBLE AND n_${name} - b_${name} > ${SLOWER_US})`;

/** Whether {@link compareGroup} finds any change. @param ratio An expression for that of the lengths. */
export const differs = (ratio: string): string => `NOT is_now OR NOT is_before
  OR (least(n_m0, b_m0) >= ${LEAST_CONNECTIONS} AND (${hasGrown('m7')} OR ${hasGrown('m8')}))
  OR (n_m1 >= ${LEAST_FAILURES} AND n_m1 > ${MORE_FACTOR} * b_m1::DOUBLE * ${ratio})
  OR (n_m2 + n_m3 >= ${LEAST_BYTES} AND n_m2 + n_m3 > ${MORE_FACTOR} * (b_m2 + b_m3)::DOUBLE * ${ratio})`;

/** How a group differs; `changes` is empty where it does not. @param ratio Length of the range by that of the other one. */
export function compareGroup(
  key: GroupKey,
  now: Measures | undefined,
  before: Measures | undefined,
  ratio: number,
): Difference {
  if (now === undefined || before === undefined) {
    const changes: Change[] = [now === undefined ? 'gone' : 'new'];
    return { key, changes, ...(now && { now }), ...(before && { before }) };
  }
  const changes: Change[] = [];
  const isEnough = Math.min(now.connections, before.connections) >= LEAST_CONNECTIONS;
  if (isEnough && (grew(before.handshake_us, now.handshake_us) || grew(before.srtt_us, now.srtt_us)))
    changes.push('slower');
  if (now.failures >= LEAST_FAILURES && now.failures > MORE_FACTOR * before.failures * ratio)
    changes.push('more_failures');
  const [bytes, bytesBefore] = [now, before].map(
    ({ bytes_sent, bytes_received }) => bytes_sent + bytes_received,
  );
  if (bytes! >= LEAST_BYTES && bytes! > MORE_FACTOR * bytesBefore! * ratio) changes.push('more_bytes');
  return { key, changes, now, before };
}

function grew(before: number | undefined, now: number | undefined): boolean {
  if (before === undefined || now === undefined) return false;
  return now > before * SLOWER_FACTOR && now - before > SLOWER_US;
}
