/** Connections of all hosts that ended in a range, one by one. */
import { OptionError } from '@weir/ebpf/errors';
import type { Answer } from '../../query/answer.js';
import type { Condition } from '../../query/condition.js';
import type { readSort } from '../../query/connection-orders.js';
import {
  behindTime,
  type ConnectionsPage,
  type ConnectionsQuery,
  checkConnections,
  pageOf,
  WINDOW_NS,
  windowOf,
} from '../../query/connections.js';
import type { Place } from '../../query/row-place.js';
import { type EndRow, endColumns } from '../../schema/index.js';
import type { TimeRange } from '../../store/session.js';
import type { StatementParameters } from '../clickhouse-connection.js';
import { queryParameters } from '../clickhouse-dialect.js';
import { tablePlace } from '../create-tables.js';
import { type ClickhouseSql, withinSql } from './bounds.js';
import type { Asking, ClickhouseReader } from './clickhouse-reader.js';
import { answerIn } from './coverage.js';
import { clickhouseOrders } from './orders.js';
import { ClickhouseRows, nanosecondsOf, selectedColumns } from './row-columns.js';

/** Connections of a range, a page at a time. @throws OptionError, InterruptedError, HistoryError */
export function clickhouseConnections(
  reader: ClickhouseReader,
  query: ConnectionsQuery,
): Promise<Answer<ConnectionsPage>> {
  const { range, where } = query;
  const { limit, skip, place, sort, byTime } = checkConnections(query, clickhouseOrders);
  return answerIn(reader, range, query, async (asking) => {
    const condition = conditionOf(where);
    const rows =
      sort === undefined
        ? await findByTime(asking, { range, condition, order: byTime, place, limit: limit + 1 })
        : await findSorted(asking, { range, condition, sort, place, skip, limit: limit + 1 });
    return pageOf(rows, limit);
  });
}

/** A condition with the values that it names. */
export function conditionOf(where: Condition | undefined): ClickhouseSql {
  return where === undefined
    ? { sql: 'true', parameters: {} }
    : { sql: `(${where.sql})`, parameters: queryParameters(where.values) };
}

/** Columns that order all rows, as in the history of a host. */
const placeSql = [
  nanosecondsOf('"time"'),
  '"monotonic_ns"',
  'ifNull("flow_ns", 0)',
  'ifNull("flow_cpu", 0)',
  '"local_port"',
  '"peer_port"',
];
const placeTypes = ['Int64', 'Int64', 'UInt64', 'UInt16', 'UInt16', 'UInt16'];

/** Rows before, after or at a place. The numbers are of a cursor that was checked. */
function relativeTo(place: Place, sign: '<' | '>' | '='): string {
  const values = place.map((value, index) => {
    const type = placeTypes[index]!;
    const most = 2n ** BigInt(type.replace(/\D/g, '')) / (type.startsWith('U') ? 1n : 2n) - 1n;
    const least = type.startsWith('U') ? 0n : -most - 1n;
    return `to${type}(${value < least ? least : value > most ? most : value})`;
  });
  return `(${placeSql.join(', ')}) ${sign} (${values.join(', ')})`;
}

interface TimedQuery {
  readonly range: TimeRange;
  readonly condition: ClickhouseSql;
  readonly order: 'newest' | 'oldest';
  readonly place?: Place | undefined;
  readonly limit: number;
}

/** Looks through the range from its end (or its beginning), in windows that grow: see `findRows()` of the history. */
export async function findByTime(
  asking: Asking,
  { range, condition, order, place, limit }: TimedQuery,
): Promise<EndRow[]> {
  const rows: EndRow[] = [];
  const behind = place === undefined ? '' : ` AND ${relativeTo(place, order === 'newest' ? '<' : '>')}`;
  let left = place === undefined ? range : behindTime(range, place[0]!, order);
  for (let length = WINDOW_NS; left.from < left.to && rows.length < limit; length *= GROWTH) {
    const window = windowOf(left, length, order);
    const direction = order === 'newest' ? 'DESC' : 'ASC';
    rows.push(
      ...(await selectEnds(
        asking,
        `${withinSql(window)} AND ${condition.sql}${behind}
         ORDER BY ${placeSql.map((each) => `${each} ${direction}`).join(', ')} LIMIT ${limit - rows.length}`,
        condition.parameters,
      )),
    );
    left = order === 'newest' ? { from: left.from, to: window.from } : { from: window.to, to: left.to };
  }
  return rows;
}

/** Each window is a statement: there are fewer than in the history of one host. */
const GROWTH = 16n;

interface SortedQuery {
  readonly range: TimeRange;
  readonly condition: ClickhouseSql;
  readonly sort: NonNullable<ReturnType<typeof readSort>>;
  readonly place: Place | undefined;
  readonly skip: number;
  readonly limit: number;
}

async function findSorted(
  asking: Asking,
  { range, condition, sort: { order, isDown }, place, skip, limit }: SortedQuery,
): Promise<EndRow[]> {
  const last = place && (await rowAt(asking, order.sql, place));
  const behind = last === undefined ? undefined : behindRow(order, isDown, place!, last.value);
  const newest = placeSql.map((each) => `${each} DESC`).join(', ');
  return selectEnds(
    asking,
    `${withinSql(range)} AND ${condition.sql}${behind === undefined ? '' : ` AND (${behind.sql})`}
     ORDER BY ${order.sql} ${isDown ? 'DESC' : 'ASC'} NULLS LAST, ${newest} LIMIT ${limit} OFFSET ${skip}`,
    { ...condition.parameters, ...behind?.parameters },
  );
}

/** A cursor only says which row was the last: its value may be a long text. @throws OptionError where the row is not kept any more */
async function rowAt(
  asking: Asking,
  value: string,
  place: Place,
): Promise<{ readonly value: string | null }> {
  const time = { from: place[0]!, to: place[0]! + 1n };
  const [found] = await asking.rows(
    `SELECT toString(${value}) FROM ${tablePlace(asking, 'ends')} WHERE ${withinSql(time)} AND ${relativeTo(place, '=')} LIMIT 1`,
  );
  if (found === undefined)
    throw new OptionError('cursor: the connection at which the page before ended is not kept any more');
  return { value: (found[0] ?? null) as string | null };
}

function behindRow(
  { sql, type }: { readonly sql: string; readonly type: string },
  isDown: boolean,
  place: Place,
  value: string | null,
): ClickhouseSql {
  const older = relativeTo(place, '<');
  if (value === null) return { sql: `${sql} IS NULL AND ${older}`, parameters: {} };
  const bound = `{last:${type === 'HUGEINT' ? 'Int128' : 'String'}}`;
  return {
    sql: `${sql} ${isDown ? '<' : '>'} ${bound} OR ${sql} IS NULL OR (${sql} = ${bound} AND ${older})`,
    parameters: { last: value },
  };
}

async function selectEnds(asking: Asking, rest: string, parameters: StatementParameters): Promise<EndRow[]> {
  const found = await asking.rows(
    `SELECT ${selectedColumns(endColumns)} FROM ${tablePlace(asking, 'ends')} WHERE ${rest}`,
    parameters,
  );
  const rows = new ClickhouseRows(endColumns);
  return found.map((each) => rows.read(each));
}
