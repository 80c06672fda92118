/** Sums of all that happened in a range: out of the tables of sums where they know enough, else out of rows. */
import type { Condition } from '../../query/condition.js';
import type { EndsChoice } from '../../query/ends-choice.js';
import type { GroupField } from '../../query/fields.js';
import { sumNames } from '../../rollup/sums.js';
import type { TimeRange } from '../../store/session.js';
import { queryParameters } from '../clickhouse-dialect.js';
import { tablePlace } from '../create-tables.js';
import { sumTables, trafficSums } from '../sum-tables.js';
import { type ClickhouseSql, withinSql } from './bounds.js';
import type { Asking } from './clickhouse-reader.js';
import { allRows, besides, countedOnce, type OnceQuery } from './once.js';
import { summedColumns } from './read-fields.js';
import { nanosecondsOf } from './row-columns.js';

/** Which sums are wanted. */
export interface ClickhouseSumsQuery {
  readonly range: TimeRange;
  /** Each is a column `k0`, `k1`, … of the sums. */
  readonly fields: readonly GroupField[];
  readonly where?: Condition | undefined;
  /** `all`: both ends of a connection count. */
  readonly ends?: EndsChoice['ends'];
  /** Nanoseconds of a step, which is one more column: its number since 1970. */
  readonly step?: bigint;
}

/** Sums over rows, in the order of `sumNames`; those of what may be unknown are 0 where nothing is known. */
const rowSums = [
  'count(event)',
  "countIf(event = 'fail')",
  ...['bytes_sent', 'bytes_received', 'segments_sent', 'segments_received', 'retransmits'].map(
    (name) => `sum(ifNull(counted_${name}, 0))`,
  ),
  ...['handshake_us', 'srtt_us', 'duration_us'].flatMap((name) => [
    `sum(ifNull(${name}, 0))`,
    `count(${name})`,
  ]),
];
/** Select list of the sums over rows. */
export const rowSumList: string = rowSums.map((sql, index) => `${sql} AS ${sumNames[index]}`).join(', ');
/** Select list of the same, over parts that have them. */
export const addedSums: string = sumNames.map((name) => `sum(parts.${name}) AS ${name}`).join(', ');

const MINUTE = 60_000_000_000n;
const HOUR = 60n * MINUTE;
/** The tables of sums have no time beyond 2106. */
const LAST_SUM = (2n ** 32n - 1n) * 1_000_000_000n;

/** A subquery with the sums of each group. The figures are the same from wherever they come. */
export async function clickhouseSums(asking: Asking, query: ClickhouseSumsQuery): Promise<ClickhouseSql> {
  const { range, fields, where, step } = query;
  const hasOne = await countsAll(asking, query);
  const hasBare = !hasOne && (await hasBareRows(asking, range));
  const spans =
    hasOne && knowEnough(query) ? spansOf(range, step) : { rows: [range], minutes: [], hours: [] };
  const names = [...fields.map((_, index) => `k${index}`), ...(step === undefined ? [] : ['step'])];
  const place = (table: string) => tablePlace(asking, table);
  const keys = fields.map(({ sql }) => sql);
  const grouping = names.length === 0 ? '' : ` GROUP BY ${names.join(', ')}`;
  const stepOf = (ns: string) =>
    step === undefined ? [] : [`toInt64(intDiv(toInt64(${ns}), ${step})) AS step`];
  const raw = spans.rows.map((span) => {
    const source = (hasOne ? allRows : countedOnce)({ place, range: span, where, keys, hasBare });
    const list = ['*', ...stepOf(nanosecondsOf('"time"'))].join(', ');
    return `SELECT ${[...names, rowSumList].join(', ')} FROM (SELECT ${list} FROM ${source.sql})${grouping}`;
  });
  const rolled = sumTables.flatMap(({ name }) => {
    const parts = name === 'traffic_hours' ? spans.hours : spans.minutes;
    return parts.map(({ from, to }) => {
      const inside = `"time" >= toDateTime(${from / 1_000_000_000n}) AND "time" < toDateTime(${to / 1_000_000_000n})`;
      const known = `SELECT * REPLACE (nullIf("event", '') AS "event") FROM ${place(name)} WHERE ${inside}`;
      const list = [
        ...fields.map(({ rollup }, index) => `${rollup} AS k${index}`),
        ...stepOf('toUnixTimestamp("time") * 1000000000'),
        ...Object.keys(trafficSums).map((sum, index) => `${sum} AS ${sumNames[index]}`),
      ];
      const filter = where === undefined ? '' : ` WHERE ${where.sql}`;
      return `SELECT ${[...names, ...sumNames].join(', ')} FROM (SELECT ${list.join(', ')} FROM (${known})${filter})`;
    });
  });
  const parts = [...raw, ...rolled].join(' UNION ALL ');
  return {
    sql: `(SELECT ${[...names, addedSums].join(', ')} FROM (${parts}) AS parts${grouping})`,
    parameters: where === undefined ? {} : queryParameters(where.values),
  };
}

/** The rows that count, with keys as `k0`, `k1`, … */
export async function countedRows(
  asking: Asking,
  { ends, ...query }: Omit<OnceQuery, 'place'> & EndsChoice,
): Promise<ClickhouseSql> {
  const place = (table: string) => tablePlace(asking, table);
  const hasOne = ends === 'all' || query.where?.isOneWay === true || (await hostsIn(asking, query.range)) < 2;
  if (hasOne) return allRows({ ...query, place });
  return countedOnce({ ...query, place, hasBare: await hasBareRows(asking, query.range) });
}

/** Whether no connection can be there with both ends in one group: the rows are of one host, or of one direction. */
async function countsAll(
  asking: Asking,
  { range, fields, where, ends }: ClickhouseSumsQuery,
): Promise<boolean> {
  if (ends === 'all' || where?.isOneWay === true) return true;
  // A host's own rows are never left out.
  if (fields.some(({ rollup }) => rollup?.includes('host_id') || rollup === 'direction')) return true;
  return (await hostsIn(asking, range)) < 2;
}

/** How many hosts have rows in a range and beside it. */
export async function hostsIn(asking: Asking, range: TimeRange): Promise<number> {
  const { from, to } = besides(range);
  const seconds = (ns: bigint) => (ns < 0n ? 0n : ns > LAST_SUM ? LAST_SUM : ns) / 1_000_000_000n;
  const [row] = await asking.rows(
    `SELECT uniqExact(host_id) FROM ${tablePlace(asking, 'traffic_hours')}
     WHERE "time" >= toDateTime(${seconds(from - HOUR)}) AND "time" <= toDateTime(${seconds(to)})`,
  );
  return Number(row![0]);
}

/** Whether rows in a range and beside it have no id of their connection: UDP, and what was open before a collector began. */
export async function hasBareRows(asking: Asking, range: TimeRange): Promise<boolean> {
  const inside = (table: string) =>
    `SELECT 1 FROM ${tablePlace(asking, table)} WHERE ${withinSql(besides(range))} AND connection_id IS NULL`;
  const rows = await asking.rows(
    `SELECT * FROM (${inside('ends')} UNION ALL ${inside('intervals')}) LIMIT 1`,
  );
  return rows.length > 0;
}

function knowEnough({ fields, where }: ClickhouseSumsQuery): boolean {
  if (fields.some(({ rollup }) => rollup === undefined)) return false;
  return where === undefined || (where.columns?.every((name) => summedColumns.has(name)) ?? false);
}

interface Spans {
  readonly rows: readonly TimeRange[];
  readonly minutes: readonly TimeRange[];
  readonly hours: readonly TimeRange[];
}

/** A range in whole hours, whole minutes beside them, and what is left. */
function spansOf(range: TimeRange, step: bigint | undefined): Spans {
  const inner = step === undefined || step % MINUTE === 0n ? wholeIn(range, MINUTE) : undefined;
  if (inner === undefined) return { rows: [range], minutes: [], hours: [] };
  const whole = step === undefined || step % HOUR === 0n ? wholeIn(inner, HOUR) : undefined;
  return {
    rows: around(range, inner),
    minutes: whole === undefined ? [inner] : around(inner, whole),
    hours: whole === undefined ? [] : [whole],
  };
}

function wholeIn({ from, to }: TimeRange, unit: bigint): TimeRange | undefined {
  if (from < 0n || to > LAST_SUM) return undefined;
  const inner = { from: ((from + unit - 1n) / unit) * unit, to: (to / unit) * unit };
  return inner.from < inner.to ? inner : undefined;
}

function around(outer: TimeRange, inner: TimeRange): TimeRange[] {
  return [
    { from: outer.from, to: inner.from },
    { from: inner.to, to: outer.to },
  ].filter(({ from, to }) => from < to);
}
