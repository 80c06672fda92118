/** Connections sorted by something else than their time. */
import type { DuckDBValue } from '@duckdb/node-api';
import { OptionError } from '@weir/ebpf/errors';
import { RowReader, rowColumns } from '../rows/row-reader.js';
import { type EndRow, endColumns } from '../schema/index.js';
import type { Session, TimeRange } from '../store/session.js';
import { all, type Condition, within } from './condition.js';
import type { ConnectionOrder } from './connection-orders.js';
import { type Place, placeExpressions, placeOf, relativeTo } from './row-place.js';

/** Which part of the sorted rows is wanted. */
export interface SortedQuery {
  readonly range: TimeRange;
  readonly where?: Condition | undefined;
  readonly order: ConnectionOrder;
  /** The largest first. What is not known is last either way, and what is equal has the newest first. */
  readonly isDown: boolean;
  /** Rows behind this one; undefined: from the first row on. */
  readonly place: Place | undefined;
  /** Rows of these that are left out. */
  readonly skip: number;
  readonly limit: number;
}

/**
 * The rows. First only what they are sorted by is read, of all rows of the range, then the rest of those that are wanted: a row has fifty
 * columns, and the database would carry all of them through the sort.
 */
export async function findSorted(session: Session, query: SortedQuery): Promise<EndRow[]> {
  const places = await findPlaces(session, query);
  if (places.length === 0) return [];
  const times = places.map(([time]) => time!);
  const least = times.reduce((a, b) => (a < b ? a : b));
  const most = times.reduce((a, b) => (a > b ? a : b));
  const columns = rowColumns(endColumns).map((name) => `"${name}"`);
  const list = [...new Set(times)].map((time) => `make_timestamp_ns(${time})`);
  const found = await session.query(
    `SELECT ${columns} FROM ${session.source('ends', { range: { from: least, to: most + 1n } })}
     WHERE time IN (${list.join(', ')})`,
  );
  const reader = new RowReader(endColumns);
  const rows = new Map(
    found.map((values) => reader.read(values)).map((row) => [placeOf(row).join(' '), row] as const),
  );
  return places.flatMap((place) => rows.get(place.join(' ')) ?? []);
}

/** A row, and what it is sorted by. */
interface SortedRow {
  readonly place: Place;
  /** null: not known. */
  readonly value: string | null;
}

/** The rows of the part in order. */
async function findPlaces(session: Session, query: SortedQuery): Promise<Place[]> {
  const { skip, limit } = query;
  const found: Place[] = [];
  let last = query.place && (await rowAt(session, query.order, query.place));
  while (found.length < skip + limit) {
    const wanted = Math.min(MOST_AT_ONCE, skip + limit - found.length);
    const rows = await findNext(session, query, last, wanted);
    for (const { place } of rows) found.push(place);
    if (rows.length < wanted) break;
    last = rows.at(-1);
  }
  return found.slice(skip);
}

/** The database keeps the first few while it reads; for more it would sort all rows, for which there is no memory. */
const MOST_AT_ONCE = 4_000;

async function findNext(
  session: Session,
  { range, where, order, isDown }: SortedQuery,
  last: SortedRow | undefined,
  limit: number,
): Promise<SortedRow[]> {
  const { sql, values } = all(within(range), where, last && behind(last, order, isDown));
  const newest = placeExpressions.map((each) => `${each} DESC`).join(', ');
  const found = await session.query(
    `SELECT (${order.sql})::VARCHAR, ${placeExpressions.map((each) => `(${each})::HUGEINT`).join(', ')}
     FROM ${session.source('ends', { range })} WHERE ${sql}
     ORDER BY ${order.sql} ${isDown ? 'DESC' : 'ASC'} NULLS LAST, ${newest} LIMIT ${limit}`,
    [...values] as DuckDBValue[],
  );
  return found.map(([value, ...place]) => ({ value: value as string | null, place: place as bigint[] }));
}

/** A cursor only says which row was the last: its value may be a long text. @throws OptionError where the row is not kept any more */
async function rowAt(session: Session, { sql: value }: ConnectionOrder, place: Place): Promise<SortedRow> {
  const time = { from: place[0]!, to: place[0]! + 1n };
  const there = all(within(time), relativeTo(place, '='));
  const [found] = await session.query(
    `SELECT (${value})::VARCHAR FROM ${session.source('ends', { range: time })} WHERE ${there.sql} LIMIT 1`,
    [...there.values] as DuckDBValue[],
  );
  if (found === undefined)
    throw new OptionError('cursor: the connection at which the page before ended is not kept any more');
  return { place, value: found[0] as string | null };
}

function behind({ place, value }: SortedRow, { sql, type }: ConnectionOrder, isDown: boolean): Condition {
  const older = relativeTo(place, '<');
  if (value === null) return { sql: `${sql} IS NULL AND ${older.sql}`, values: older.values };
  const bound = `?::${type}`;
  return {
    sql: `${sql} ${isDown ? '<' : '>'} ${bound} OR ${sql} IS NULL OR (${sql} = ${bound} AND ${older.sql})`,
    values: [value, value, ...older.values],
  };
}
