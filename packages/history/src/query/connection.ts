/** One connection with all that is known of it, minute by minute. */
import { RowReader, rowColumns } from '../rows/row-reader.js';
import {
  type Columns,
  type EndRow,
  type IntervalRow,
  intervalColumns,
  type OpenRow,
  openColumns,
  type RowOf,
  type SegmentTable,
} from '../schema/index.js';
import type { HistoryReader, Session, TimeRange } from '../store/session.js';
import { type Answer, answer, type QueryLimits } from './answer.js';
import { all, type Condition, timeValue, within } from './condition.js';
import { findRows } from './connections.js';

/** By what one connection is found. */
export type ConnectionKey =
  /** Unique on a host and boot. */
  | { readonly flow: { readonly ns: bigint; readonly cpu: number } }
  /** Equal at both ends. */
  | { readonly connectionId: bigint };

/** Which connection is wanted. */
export interface ConnectionQuery extends QueryLimits {
  readonly range: TimeRange;
  readonly key: ConnectionKey;
}

/** What is known of a connection, at each end that was recorded here. */
export interface ConnectionHistory {
  /** Its ends, the newest first: one, or both where this history has both. */
  readonly ends: readonly EndRow[];
  /** The last look at each end of which no end is known: it is open, or its end was not recorded. */
  readonly opens: readonly OpenRow[];
  /** What each end moved, minute by minute; the 10,000 newest, in order of time. */
  readonly intervals: readonly IntervalRow[];
}

/** A connection has two ends, which may have been recorded on the same host; a flow id recurs on other hosts. */
export const MOST_ENDS = 100;
/** A week of minutes. */
export const MOST_INTERVALS = 10_000;

function keyCondition(key: ConnectionKey): Condition {
  if ('connectionId' in key) {
    const { connectionId: value } = key;
    return { sql: 'connection_id = ?', values: [value], ids: [{ column: 'connection_id', value }] };
  }
  const { ns, cpu } = key.flow;
  return { sql: 'flow_ns = ? AND flow_cpu = ?', values: [ns, cpu], ids: [{ column: 'flow_ns', value: ns }] };
}

/** A connection by one of its ids. @throws OptionError, InterruptedError */
export function queryConnection(
  reader: HistoryReader,
  query: ConnectionQuery,
): Promise<Answer<ConnectionHistory>> {
  const { range } = query;
  const where = keyCondition(query.key);
  return answer(reader, range, query, async (session) => {
    const ends = await findRows(session, { range, where }, 'newest', undefined, MOST_ENDS);
    // Where all ends that there can be have ended, nothing of it is open.
    const hasEnded = ends.length >= ('connectionId' in query.key ? 2 : 1);
    const opens = hasEnded ? [] : await lastLooks(session, range, where, ends);
    return { ends, opens, intervals: await intervalsOf(session, range, where, ends) };
  });
}

async function lastLooks(
  session: Session,
  range: TimeRange,
  where: Condition,
  ends: readonly EndRow[],
): Promise<OpenRow[]> {
  const last = 'row_number() OVER (PARTITION BY host_id, flow_ns, flow_cpu ORDER BY time DESC) = 1';
  const rows = await select(
    session,
    'opens',
    openColumns,
    range,
    where,
    `QUALIFY ${last} ORDER BY time DESC LIMIT ${MOST_ENDS}`,
  );
  return rows.filter((row) => !ends.some(sameFlow(row)));
}

/** Whether an end is that of a connection that was open. */
export const sameFlow = (row: OpenRow) => (end: EndRow) =>
  end.host_id === row.host_id && end.flow_ns === row.flow_ns && end.flow_cpu === row.flow_cpu;

async function intervalsOf(
  session: Session,
  range: TimeRange,
  where: Condition,
  ends: readonly EndRow[],
): Promise<IntervalRow[]> {
  if (ends.length > 0 && ends.every(({ interval_rows }) => interval_rows === 0)) return [];
  const conditions = [where, ...ends.map(unnumbered)];
  const any: Condition = {
    sql: conditions.map(({ sql }) => `(${sql})`).join(' OR '),
    values: conditions.flatMap(({ values }) => values),
  };
  const rows = await select(
    session,
    'intervals',
    intervalColumns,
    lifetimeOf(ends, range),
    any,
    `ORDER BY time DESC LIMIT ${MOST_INTERVALS}`,
  );
  return rows.toReversed();
}

/** Rows of a connection that was open before the collector began: only its end has a number. */
function unnumbered(end: EndRow): Condition {
  const same = ['host_id', 'netns', 'transport', 'local_address', 'local_port', 'peer_address', 'peer_port'];
  const values = same.map((name) => end[name as 'netns'] ?? null);
  return {
    sql: `flow_ns IS NULL AND ${same.map((name) => `"${name}" IS NOT DISTINCT FROM ?`).join(' AND ')} AND time > ? AND time <= ?`,
    values: [...values, timeValue(begunOf(end)), timeValue(end.time)],
  };
}

/** When a connection began; where that is not known, the beginning of time. */
function begunOf({ time, duration_us }: EndRow): bigint {
  return duration_us === undefined ? 0n : time - BigInt(Math.ceil(duration_us)) * 1000n;
}

/** The part of a range in which a connection that has ended was open. */
export function lifetimeOf(ends: readonly EndRow[], range: TimeRange): TimeRange {
  if (ends.length === 0) return range;
  const from = ends.map(begunOf).reduce((a, b) => (a < b ? a : b));
  return { from: from > range.from ? from : range.from, to: range.to };
}

async function select<C extends Columns>(
  session: Session,
  table: SegmentTable,
  columns: C,
  range: TimeRange,
  where: Condition,
  rest: string,
): Promise<RowOf<C>[]> {
  const { sql, values } = all(within(range), where);
  const names = rowColumns(columns).map((name) => `"${name}"`);
  const rows = await session.query(
    `SELECT ${names} FROM ${session.source(table, { range })} WHERE ${sql} ${rest}`,
    [...values],
  );
  const reader = new RowReader(columns);
  return rows.map((row) => reader.read(row));
}
