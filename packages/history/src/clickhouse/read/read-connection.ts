/** One connection, at each end that any host has recorded. */
import type { Answer } from '../../query/answer.js';
import {
  type ConnectionHistory,
  type ConnectionKey,
  type ConnectionQuery,
  lifetimeOf,
  MOST_ENDS,
  MOST_INTERVALS,
  sameFlow,
} from '../../query/connection.js';
import {
  type Columns,
  type EndRow,
  type IntervalRow,
  intervalColumns,
  type OpenRow,
  openColumns,
  type RowOf,
} from '../../schema/index.js';
import type { TimeRange } from '../../store/session.js';
import { tablePlace } from '../create-tables.js';
import { type ClickhouseSql, withinSql } from './bounds.js';
import type { Asking, ClickhouseReader } from './clickhouse-reader.js';
import { answerIn } from './coverage.js';
import { findByTime } from './read-connections.js';
import { ClickhouseRows, selectedColumns } from './row-columns.js';

function keyCondition(key: ConnectionKey): ClickhouseSql {
  if ('connectionId' in key)
    return { sql: 'connection_id = {id:UInt64}', parameters: { id: String(key.connectionId) } };
  const { ns, cpu } = key.flow;
  return { sql: 'flow_ns = {ns:UInt64} AND flow_cpu = {cpu:UInt32}', parameters: { ns: String(ns), cpu } };
}

/** A connection by one of its ids; a flow id may recur on another host. @throws OptionError, InterruptedError, HistoryError */
export function clickhouseConnection(
  reader: ClickhouseReader,
  query: ConnectionQuery,
): Promise<Answer<ConnectionHistory>> {
  const { range } = query;
  const condition = keyCondition(query.key);
  return answerIn(reader, range, query, async (asking) => {
    const newest = { range, condition, order: 'newest', limit: MOST_ENDS } as const;
    const ends = await findByTime(asking, newest);
    const opens = await lastLooks(asking, range, condition, ends);
    return { ends, opens, intervals: await intervalsOf(asking, range, condition, ends) };
  });
}

async function lastLooks(
  asking: Asking,
  range: TimeRange,
  where: ClickhouseSql,
  ends: readonly EndRow[],
): Promise<OpenRow[]> {
  const rest = `ORDER BY "time" DESC LIMIT 1 BY host_id, flow_ns, flow_cpu LIMIT ${MOST_ENDS}`;
  const rows = await select(asking, 'opens', openColumns, range, where, rest);
  return rows.filter((row) => !ends.some(sameFlow(row)));
}

async function intervalsOf(
  asking: Asking,
  range: TimeRange,
  where: ClickhouseSql,
  ends: readonly EndRow[],
): Promise<IntervalRow[]> {
  if (ends.length > 0 && ends.every(({ interval_rows }) => interval_rows === 0)) return [];
  const span = lifetimeOf(ends, range);
  const rest = `ORDER BY "time" DESC LIMIT ${MOST_INTERVALS}`;
  const rows = await select(asking, 'intervals', intervalColumns, span, where, rest);
  return rows.toReversed();
}

async function select<C extends Columns>(
  asking: Asking,
  table: 'opens' | 'intervals',
  columns: C,
  range: TimeRange,
  where: ClickhouseSql,
  rest: string,
): Promise<RowOf<C>[]> {
  const rows = await asking.rows(
    `SELECT ${selectedColumns(columns)} FROM ${tablePlace(asking, table)} WHERE ${withinSql(range)} AND ${where.sql} ${rest}`,
    where.parameters,
  );
  const reader = new ClickhouseRows(columns);
  return rows.map((row) => reader.read(row));
}
