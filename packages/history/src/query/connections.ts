/** Connections that ended in a range, one by one. */
import type { DuckDBValue } from '@duckdb/node-api';
import { OptionError } from '@weir/ebpf/errors';
import { RowReader, rowColumns } from '../rows/row-reader.js';
import { type EndRow, endColumns } from '../schema/index.js';
import type { HistoryReader, Session, TimeRange } from '../store/session.js';
import { type Answer, answer, type QueryLimits } from './answer.js';
import { all, type Condition, within } from './condition.js';
import { checkLimit } from './groups.js';

/** Which connections are wanted. */
export interface ConnectionsQuery extends QueryLimits {
  readonly range: TimeRange;
  readonly where?: Condition;
  /** Default: newest first. */
  readonly order?: 'newest' | 'oldest';
  /** At most so many, up to 100,000. Default: 1,000. */
  readonly limit?: number;
  /** Where to go on: `next` of the page before, with the same range, filter and order. */
  readonly cursor?: string;
}

/** A page of connections. */
export interface ConnectionsPage {
  readonly rows: readonly EndRow[];
  /** The cursor of the next page; absent on the last one. */
  readonly next?: string;
}

const MOST_ROWS = 100_000;
/** The first window: a page of a busy host. */
const WINDOW_NS = 60_000_000_000n;

/** Columns that order all rows: two of the same time differ in another. */
const orderColumns = ['time', 'monotonic_ns', 'flow_ns', 'flow_cpu', 'local_port', 'peer_port'] as const;
const orderExpressions = [
  'epoch_ns(time)',
  'monotonic_ns',
  'coalesce(flow_ns, 0)',
  'coalesce(flow_cpu, 0)',
  'local_port',
  'peer_port',
];

/** The place of a row in the order. */
type Place = readonly bigint[];

function placeOf(row: EndRow): Place {
  return orderColumns.map((name) => BigInt(row[name] ?? 0));
}

function writeCursor(row: EndRow): string {
  return placeOf(row)
    .map((value) => value.toString(36))
    .join('.');
}

/** @throws OptionError for a text that is no cursor. */
function readCursor(text: string): Place {
  const parts = text.split('.');
  if (parts.length !== orderColumns.length || !parts.every((part) => /^-?[0-9a-z]{1,13}$/.test(part)))
    throw new OptionError('cursor: expected what the page before gave');
  return parts.map((part) => {
    const size = [...part.replace('-', '')].reduce(
      (sum, digit) => sum * 36n + BigInt(Number.parseInt(digit, 36)),
      0n,
    );
    if (size >= 2n ** 64n) throw new OptionError('cursor: expected what the page before gave');
    return part.startsWith('-') ? -size : size;
  });
}

function beyond(place: Place, order: 'newest' | 'oldest'): Condition {
  const row = orderExpressions.map((sql) => `${sql}::HUGEINT`).join(', ');
  const sign = order === 'newest' ? '<' : '>';
  const values = place.map(String);
  return { sql: `(${row}) ${sign} (${values.map(() => '?::HUGEINT').join(', ')})`, values };
}

/** Connections of a range, a page at a time. @throws OptionError, InterruptedError */
export function queryConnections(
  reader: HistoryReader,
  query: ConnectionsQuery,
): Promise<Answer<ConnectionsPage>> {
  const limit = checkLimit(query.limit ?? 1000, MOST_ROWS);
  const { order = 'newest' } = query;
  const place = query.cursor === undefined ? undefined : readCursor(query.cursor);
  return answer(reader, query.range, query, async (session) => {
    // One more than wanted shows whether there is another page.
    const rows = await findRows(session, query, order, place, limit + 1);
    const page = rows.slice(0, limit);
    return { rows: page, ...(rows.length > limit && { next: writeCursor(page.at(-1)!) }) };
  });
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
  const condition = all(where, place && beyond(place, order));
  const { ids } = condition;
  const without = ids === undefined ? undefined : await session.lacking(ids);
  let left = place === undefined ? range : from(range, place[0]!, order);
  for (
    let length = ids === undefined ? WINDOW_NS : left.to - left.from;
    left.from < left.to && rows.length < limit;
    length *= 4n
  ) {
    const window = windowOf(left, length, order);
    rows.push(...(await findIn(session, window, { condition, order, without }, limit - rows.length)));
    left = order === 'newest' ? { from: left.from, to: window.from } : { from: window.to, to: left.to };
  }
  return rows;
}

function from(range: TimeRange, time: bigint, order: 'newest' | 'oldest'): TimeRange {
  if (order === 'newest') return time + 1n < range.to ? { from: range.from, to: time + 1n } : range;
  return time > range.from ? { from: time, to: range.to } : range;
}

/** A window of the range, which reaches to its end where that is near. */
function windowOf({ from, to }: TimeRange, length: bigint, order: 'newest' | 'oldest'): TimeRange {
  if (to - from <= length) return { from, to };
  return order === 'newest' ? { from: to - length, to } : { from, to: from + length };
}

/** What is looked for in each window. */
interface Search {
  readonly condition: Condition;
  readonly order: 'newest' | 'oldest';
  /** Names of segments that need not be read. */
  readonly without: ReadonlySet<string> | undefined;
}

async function findIn(
  session: Session,
  window: TimeRange,
  { condition, order, without }: Search,
  limit: number,
): Promise<EndRow[]> {
  const direction = order === 'newest' ? 'DESC' : 'ASC';
  const { sql, values } = all(within(window), condition);
  const columns = rowColumns(endColumns).map((name) => `"${name}"`);
  const found = await session.query(
    `SELECT ${columns} FROM ${session.source('ends', window, without)} WHERE ${sql}
     ORDER BY ${orderExpressions.map((each) => `${each} ${direction}`).join(', ')} LIMIT ${limit}`,
    [...values] as DuckDBValue[],
  );
  const rows = new RowReader(endColumns);
  return found.map((each) => rows.read(each));
}
