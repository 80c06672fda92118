/** Connections grouped by fields, with figures of each group. */
import type { DuckDBValue } from '@duckdb/node-api';
import { OptionError } from '@weir/ebpf/errors';
import { addedList } from '../rollup/sums.js';
import type { HistoryReader, Session, TimeRange } from '../store/session.js';
import { type Answer, answer, type QueryLimits } from './answer.js';
import type { Condition } from './condition.js';
import { fieldsNamed, type GroupField, groupFields } from './fields.js';
import { type GroupKey, readKey } from './keys.js';
import {
  MEASURE_COUNT,
  type MeasureOrder,
  type Measures,
  measureList,
  measureOrders,
  readMeasures,
  sumOrder,
} from './measures.js';
import { withJoinedBoots } from './stored-hosts.js';
import { traffic } from './traffic.js';
import { trafficSums } from './traffic-sums.js';

/** Which groups are wanted. */
export interface GroupsQuery extends QueryLimits {
  readonly range: TimeRange;
  /** Names of `groupFields`; none: one group of all. */
  readonly by: readonly string[];
  readonly where?: Condition;
  /** The largest come first. Default: bytes. */
  readonly order?: MeasureOrder;
  /** At most so many groups, up to 10,000. Default: 100. */
  readonly limit?: number;
  /** Percentiles of latencies for the groups that are returned, 0 to 1. Default: none. */
  readonly percentiles?: readonly number[];
}

/** A group with its figures. */
export interface Group extends Measures {
  readonly key: GroupKey;
  /** Microseconds at each of the wanted percentiles; null where nothing is known. */
  readonly percentiles?: {
    readonly handshake_us: readonly (number | null)[];
    readonly srtt_us: readonly (number | null)[];
    readonly duration_us: readonly (number | null)[];
  };
}

/** Groups of a range. */
export interface Groups {
  readonly groups: readonly Group[];
  /** How many groups there are, of which the first are returned. */
  readonly count: number;
  /** Figures of all connections that meet the filter, in returned groups or not. */
  readonly total: Measures;
}

const MOST_GROUPS = 10_000;

/** Seconds of a range. */
export function secondsOf({ from, to }: TimeRange): number {
  return Number(to - from) / 1e9;
}

/** @throws OptionError for a limit that makes no sense. */
export function checkLimit(limit: number, most: number): number {
  if (!Number.isInteger(limit) || limit < 1 || limit > most)
    throw new OptionError(`limit: expected a number from 1 to ${most}`);
  return limit;
}

/** What a question about groups asks for. @throws OptionError where it makes no sense */
export function checkGroups(query: GroupsQuery, known = groupFields) {
  const fields = fieldsNamed(query.by, known);
  const limit = checkLimit(query.limit ?? 100, MOST_GROUPS);
  const { percentiles = [] } = query;
  if (percentiles.some((each) => !(each >= 0 && each <= 1)))
    throw new OptionError('percentiles: expected numbers from 0 to 1');
  if (!Object.hasOwn(measureOrders, query.order ?? 'bytes'))
    throw new OptionError(`order: choose from ${Object.keys(measureOrders).join(', ')}`);
  return { fields, limit, percentiles };
}

/** Groups the connections of a range. @throws OptionError, InterruptedError */
export function queryGroups(reader: HistoryReader, query: GroupsQuery): Promise<Answer<Groups>> {
  const { fields: asked, limit, percentiles } = checkGroups(query);
  return answer(reader, query.range, query, async (session) => {
    const fields = await withJoinedBoots(session, query.by, asked);
    const found = await findGroups(session, query, fields, limit);
    if (percentiles.length === 0 || found.groups.length === 0) return found;
    return { ...found, groups: await addPercentiles(session, query, fields, found.groups) };
  });
}

async function findGroups(
  session: Session,
  { range, by, where, order = 'bytes' }: GroupsQuery,
  fields: readonly GroupField[],
  limit: number,
): Promise<Groups> {
  const sums = await trafficSums(session, { range, fields, where });
  const names = fields.map((_, index) => `k${index}`);
  const unnamed = names.map((name) => `NULL AS ${name}`);
  const afterwards = names.map((name) => `, ${name}`).join('');
  // Each row is added up once: the total is that of the groups. Most groups are left out before their measures are computed.
  const rows = await session.query(
    `WITH parts AS MATERIALIZED ${sums.sql},
     largest AS (
       SELECT * FROM parts ORDER BY ${sumOrder(order)} DESC NULLS LAST${afterwards} LIMIT ${limit}),
     grouped AS (
       SELECT ${[...names, measureList].join(', ')}, NULL AS n FROM largest
       UNION ALL SELECT ${[...unnamed, measureList].join(', ')}, n FROM (SELECT ${addedList}, count(*) AS n FROM parts))
     SELECT * FROM grouped ORDER BY n IS NULL, ${measureOrders[order]} DESC NULLS LAST${afterwards}`,
    [...sums.values],
  );
  const seconds = secondsOf(range);
  const measures = (row: readonly DuckDBValue[]) =>
    readMeasures(row.slice(fields.length, fields.length + MEASURE_COUNT), seconds);
  const [total, ...groups] = rows;
  const isGrouped = fields.length > 0;
  return {
    groups: isGrouped ? groups.map((row) => ({ key: readKey(by, row), ...measures(row) })) : [],
    count: isGrouped ? Number(total!.at(-1)) : 0,
    total: measures(total!),
  };
}

/** What percentiles are of. */
export const latencies = ['handshake_us', 'srtt_us', 'duration_us'] as const;
/** Percentiles of tens of thousands of groups would need gigabytes: only so many of those that are returned have them. */
export const PERCENTILE_GROUPS = 200;

async function addPercentiles(
  session: Session,
  { range, by, where, percentiles = [] }: GroupsQuery,
  fields: readonly GroupField[],
  groups: readonly Group[],
): Promise<Group[]> {
  const points = `[${percentiles.map(Number).join(', ')}]`;
  const columns = latencies.map((name) => `quantile_cont(${name}, ${points}) FILTER (is_end)`);
  const keys = fields.map(({ sql }, index) => `${sql} AS k${index}`);
  const source = traffic(session, { range, where, users: [...keys, ...latencies] });
  const names = fields.map((_, index) => `k${index}`);
  const chosen = groups.slice(0, PERCENTILE_GROUPS);
  const tuples = chosen.map(() => `(${names.map(() => '?::VARCHAR').join(', ')})`).join(', ');
  const isChosen = names.map((name) => `CAST(rows.${name} AS VARCHAR) IS NOT DISTINCT FROM wanted.${name}`);
  const join =
    names.length === 0 ? '' : `JOIN (VALUES ${tuples}) AS wanted(${names}) ON ${isChosen.join(' AND ')}`;
  const qualified = names.map((name) => `rows.${name}`);
  const rows = await session.query(
    `WITH rows AS NOT MATERIALIZED (SELECT *, ${[...keys, '0 AS nothing'].join(', ')} FROM ${source.sql})
     SELECT ${[...qualified, ...columns].join(', ')} FROM rows ${join} GROUP BY ${qualified.join(', ') || '()'}`,
    [...source.values, ...chosen.flatMap(({ key }) => by.map((name) => keyAsText(name, key)))],
  );
  const found = new Map(rows.map((row) => [keyText(by, readKey(by, row)), row.slice(fields.length)]));
  return groups.map((group) => {
    const row = found.get(keyText(by, group.key));
    return row === undefined ? group : { ...group, percentiles: readPercentiles(row) };
  });
}

/** As the database casts it. */
function keyAsText(name: string, key: GroupKey): string | null {
  const value = key[name]!;
  if (value === null) return null;
  return name === 'host' ? BigInt(`0x${value}`).toString() : String(value);
}

function keyText(by: readonly string[], key: GroupKey): string {
  return JSON.stringify(by.map((name) => key[name]));
}

function readPercentiles(row: readonly DuckDBValue[]): NonNullable<Group['percentiles']> {
  const list = (value: DuckDBValue) =>
    value === null ? [] : ((value as { items: readonly number[] }).items ?? []);
  const [handshake, srtt, duration] = row.map(list);
  return { handshake_us: handshake!, srtt_us: srtt!, duration_us: duration! };
}
