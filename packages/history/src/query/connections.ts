/** Connections that ended in a range, one by one. */
import type { DuckDBValue } from '@duckdb/node-api';
import { OptionError } from '@weir/ebpf/errors';
import { RowReader, rowColumns } from '../rows/row-reader.js';
import { type EndRow, endColumns } from '../schema/index.js';
import type { HistoryReader, Session, TimeRange } from '../store/session.js';
import { type Answer, answer, type QueryLimits } from './answer.js';
import { all, type Condition, within } from './condition.js';
import { type ConnectionOrders, type ConnectionSort, readSort } from './connection-orders.js';
import { checkLimit } from './groups.js';
import { type Place, placeExpressions, placeOf, readCursor, relativeTo, writeCursor } from './row-place.js';
import { findSorted } from './sorted-connections.js';

/** Which connections are wanted. */
export interface ConnectionsQuery extends QueryLimits {
  readonly range: TimeRange;
  readonly where?: Condition;
  /**
   * Default: newest first. By time, a page costs what is in it; sorted by something else, one look at all rows of the range. What is not
   * known is last, and what is equal has the newest first.
   */
  readonly order?: 'newest' | 'oldest' | ConnectionSort;
  /** At most so many, up to 100,000. Default: 1,000. */
  readonly limit?: number;
  /** Where to go on: `next` of the page before, with the same range, filter and order. */
  readonly cursor?: string;
  /** So many rows before the page are left out, up to 10,000, where the order is not by time. Default: none. */
  readonly skip?: number;
}

/** A page of connections. */
export interface ConnectionsPage {
  readonly rows: readonly EndRow[];
  /** The cursor of the next page; absent on the last one. */
  readonly next?: string;
}

const MOST_ROWS = 100_000;
/** What is skipped has to have room in memory. */
const MOST_SKIPPED = 10_000;
/** The first window: a page of a busy host. */
export const WINDOW_NS = 60_000_000_000n;

/** What a question about connections asks for. @throws OptionError where it makes no sense */
export function checkConnections(query: ConnectionsQuery, known?: ConnectionOrders) {
  const limit = checkLimit(query.limit ?? 1000, MOST_ROWS);
  const { order = 'newest', skip = 0 } = query;
  if (!Number.isInteger(skip) || skip < 0 || skip > MOST_SKIPPED)
    throw new OptionError(`skip: expected a number from 0 to ${MOST_SKIPPED}`);
  const place = query.cursor === undefined ? undefined : readCursor(query.cursor);
  const sort = order === 'newest' || order === 'oldest' ? undefined : readSort(order, known);
  if (sort === undefined && order !== 'newest' && order !== 'oldest')
    throw new OptionError(`order: connections cannot be sorted by ${order}`);
  if (sort === undefined && skip > 0)
    throw new OptionError('skip: only where connections are sorted by something else than their time');
  const byTime: 'newest' | 'oldest' = order === 'oldest' ? order : 'newest';
  return { limit, skip, place, sort, byTime };
}

/** Connections of a range, a page at a time. @throws OptionError, InterruptedError */
export function queryConnections(
  reader: HistoryReader,
  query: ConnectionsQuery,
): Promise<Answer<ConnectionsPage>> {
  const { range, where } = query;
  const { limit, skip, place, sort, byTime } = checkConnections(query);
  return answer(reader, range, query, async (session) => {
    // One more than wanted shows whether there is another page.
    const rows =
      sort === undefined
        ? await findRows(session, query, byTime, place, limit + 1)
        : await findSorted(session, { range, where, ...sort, place, skip, limit: limit + 1 });
    return pageOf(rows, limit);
  });
}

/** A page of rows, of which there is one more where there is another page. */
export function pageOf(rows: readonly EndRow[], limit: number): ConnectionsPage {
  const page = rows.slice(0, limit);
  return { rows: page, ...(rows.length > limit && { next: writeCursor(placeOf(page.at(-1)!)) }) };
}

/**
 * Looks through the range from its end (or its beginning), in windows that double: a page of the newest connections needs the last
 * minutes of a month, and all columns of no others. What is looked for by its id may be anywhere.
 */
export async function findRows(
  session: Session,
  { range, where }: Pick<ConnectionsQuery, 'range' | 'where'>,
  order: 'newest' | 'oldest',
  place: Place | undefined,
  limit: number,
): Promise<EndRow[]> {
  const rows: EndRow[] = [];
  const condition = all(where, place && relativeTo(place, order === 'newest' ? '<' : '>'));
  const { ids } = condition;
  const only = ids === undefined ? undefined : await session.having(ids);
  let left = place === undefined ? range : behindTime(range, place[0]!, order);
  for (
    let length = ids === undefined ? WINDOW_NS : left.to - left.from;
    left.from < left.to && rows.length < limit;
    length *= 4n
  ) {
    const window = windowOf(left, length, order);
    rows.push(...(await findIn(session, window, { condition, order, only }, limit - rows.length)));
    left = order === 'newest' ? { from: left.from, to: window.from } : { from: window.to, to: left.to };
  }
  return rows;
}

/** The part of a range behind a time. */
export function behindTime(range: TimeRange, time: bigint, order: 'newest' | 'oldest'): TimeRange {
  if (order === 'newest') return time + 1n < range.to ? { from: range.from, to: time + 1n } : range;
  return time > range.from ? { from: time, to: range.to } : range;
}

/** A window of the range, which reaches to its end where that is near. */
export function windowOf({ from, to }: TimeRange, length: bigint, order: 'newest' | 'oldest'): TimeRange {
  if (to - from <= length) return { from, to };
  return order === 'newest' ? { from: to - length, to } : { from, to: from + length };
}

/** What is looked for in each window. */
interface Search {
  readonly condition: Condition;
  readonly order: 'newest' | 'oldest';
  /** Names of segments of which no other need be read. */
  readonly only: ReadonlySet<string> | undefined;
}

async function findIn(
  session: Session,
  window: TimeRange,
  { condition, order, only }: Search,
  limit: number,
): Promise<EndRow[]> {
  const direction = order === 'newest' ? 'DESC' : 'ASC';
  const { sql, values } = all(within(window), condition);
  const columns = rowColumns(endColumns).map((name) => `"${name}"`);
  const found = await session.query(
    `SELECT ${columns} FROM ${session.source('ends', { range: window, only })} WHERE ${sql}
     ORDER BY ${placeExpressions.map((each) => `${each} ${direction}`).join(', ')} LIMIT ${limit}`,
    [...values] as DuckDBValue[],
  );
  const rows = new RowReader(endColumns);
  return found.map((each) => rows.read(each));
}
