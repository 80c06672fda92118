/**
 * Copies full hours from the database file to segments.
 *
 * A segment gets its name only when it is whole and on the disk. Then one transaction records it and deletes its rows; it is the
 * transaction that read them, so that rows which came meanwhile stay. Wherever this ends, either the rows are there and the
 * segment is an orphan, which the next opening removes, or the segment is recorded and the rows are gone.
 */
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { quoteText, RECENT, segmentColumns } from '../schema/index.js';
import { addSegment, query, type Segment } from './catalog.js';
import type { StoreContext } from './context.js';
import { inTransaction } from './database.js';
import { failureKind } from './failure-kind.js';
import { protectFile, removeFile, renameFile, syncFile } from './files.js';
import { FIRST_TIME, hourStart, LAST_TIME, segmentName, UNFINISHED } from './layout.js';
import { recentRows, recentTables } from './recent-rows.js';

/** Events come a little later than they happen. */
const GRACE_NS = 60_000_000_000n;
const HOUR_NS = 3_600_000_000_000n;

/**
 * Rows of a group. Two threads hold a group each while they write. Files and questions are the same within a few per cent for 30,000 to
 * 250,000 rows; memory is not: writing groups twice as long takes six times as much CPU where DuckDB may use 128 MiB.
 */
export const ROW_GROUP_ROWS = 61_440;

/** An hour of more rows stays in the order of its rows: to sort them would take more room than the memory and the disk may give. */
const MOST_SORTED_ROWS = 250_000;

/** A span that is copied as a whole, however much memory that takes. */
const SHORTEST_NS = 60_000_000_000n;

/** The time of each row, as `ns`. */
function timesOf(table: string): string {
  return recentTables(table)
    .map((name) => `SELECT epoch_ns(time) AS ns FROM ${RECENT}.${name}`)
    .join(' UNION ALL ');
}

/** Hours of a table that have rows in the database file and are over, or lie ahead because a clock was set back since. */
async function fullHours(connection: DuckDBConnection, table: string, watermark: bigint): Promise<number[]> {
  const rows = await query(
    connection,
    // Rounded down; the start of the first hour that has times at all is no number of 64 bits.
    `SELECT DISTINCT ns // ${HOUR_NS} - (ns % ${HOUR_NS} < 0)::BIGINT AS hour
     FROM (${timesOf(table)}) ORDER BY hour`,
  );
  return rows
    .map(([hour]) => Number(hour))
    .filter((hour) => {
      const end = hourStart(hour + 1);
      return end + GRACE_NS <= watermark || end - HOUR_NS > watermark + HOUR_NS;
    });
}

/** Copies every full hour. @param watermark Up to here all events are in. @returns the new segments. */
export async function copyHours(
  context: StoreContext,
  connection: DuckDBConnection,
  watermark: bigint,
): Promise<Segment[]> {
  const segments: Segment[] = [];
  for (const table of context.schema.segmentTables) {
    for (const hour of await fullHours(connection, table, watermark)) {
      const span = { table, hour, from: hourStart(hour), to: hourStart(hour + 1) };
      segments.push(...(await copySpan(context, connection, span)));
    }
  }
  return segments;
}

/** Rows of a table in a span of an hour. */
interface Span {
  readonly table: string;
  readonly hour: number;
  readonly from: bigint;
  readonly to: bigint;
}

/** Copies an hour to one segment; to more where its rows are too long for the memory. */
async function copySpan(context: StoreContext, connection: DuckDBConnection, span: Span): Promise<Segment[]> {
  try {
    const segment = await copyAtOnce(context, connection, span);
    return segment === undefined ? [] : [segment];
  } catch (error) {
    const { from, to } = span;
    if (failureKind(error) !== 'memory' || to - from <= SHORTEST_NS) throw error;
    const middle = from + (to - from) / 2n;
    const first = await copySpan(context, connection, { ...span, to: middle });
    return [...first, ...(await copySpan(context, connection, { ...span, from: middle }))];
  }
}

async function copyAtOnce(
  context: StoreContext,
  connection: DuckDBConnection,
  span: Span,
): Promise<Segment | undefined> {
  const { layout, step, schema } = context;
  const { table, hour } = span;
  const part = await nextPart(connection, table, hour);
  const name = segmentName(table, hour, part);
  const path = join(layout.segments, name);
  try {
    const segment = await inTransaction(connection, async () => {
      const copied = await writeSegment(context, connection, span, path + UNFINISHED);
      if (copied === undefined) return undefined;
      await renameFile(path + UNFINISHED, path);
      await step('copy:renamed');
      const found = { ...copied, table, hour, part, name, version: schema.version };
      await addSegment(connection, found);
      for (const name of recentTables(table))
        await connection.run(`DELETE FROM ${RECENT}.${name} WHERE ${within(span)}`);
      await step('copy:recorded');
      return found;
    });
    await step('copy:committed');
    return segment;
  } catch (error) {
    await removeFile(path + UNFINISHED);
    throw error;
  }
}

async function nextPart(connection: DuckDBConnection, table: string, hour: number): Promise<number> {
  const [row] = await query(
    connection,
    `SELECT coalesce(max(part), 0) + 1 FROM ${RECENT}.segments WHERE table_name = $1 AND hour = $2`,
    [table, BigInt(hour)],
  );
  return Number(row![0]);
}

/** @returns undefined where the span has no rows. */
async function writeSegment(
  { schema, owner, step }: StoreContext,
  connection: DuckDBConnection,
  span: Span,
  path: string,
): Promise<Pick<Segment, 'rows' | 'bytes' | 'from' | 'to'> | undefined> {
  const { table } = span;
  const all = schema.tables[table]!;
  const rows = `FROM (${recentRows(table, all, schema.version).join(' UNION ALL ')}) WHERE ${within(span)}`;
  const [row] = await query(connection, `SELECT count(*), epoch_ns(min(time)), epoch_ns(max(time)) ${rows}`);
  const [count, from, to] = row as [bigint, bigint, bigint];
  if (count === 0n) return undefined;
  const columns = segmentColumns(schema.compact, table, all, schema.version);
  await connection.run(
    `COPY (SELECT ${columns} ${rows}${orderOf(Number(count), from, to)}) TO ${quoteText(path)} ${parquetOptions(table, schema.version)}`,
  );
  await step('copy:written');
  await protectFile(path, owner);
  const bytes = await syncFile(path);
  await step('copy:synced');
  return { rows: Number(count), bytes, from, to };
}

/**
 * Rows of a process and its peer beside each other take less room. Each row group has its own part of the time, so that questions
 * about minutes still read few of them.
 */
function orderOf(rows: number, from: bigint, to: bigint): string {
  if (rows > MOST_SORTED_ROWS) return '';
  const length = (to - from) / BigInt(Math.ceil(rows / ROW_GROUP_ROWS)) + 1n;
  return ` ORDER BY (epoch_ns(time) - ${from}) // ${length}, comm, direction, peer_ip, peer_port, local_port, time`;
}

/** Options of COPY for a file that holds rows of a table. */
export function parquetOptions(table: string, version: number): string {
  const metadata = `{weir_table: ${quoteText(table)}, weir_schema: '${version}'}`;
  return `(FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2, ROW_GROUP_SIZE ${ROW_GROUP_ROWS}, KV_METADATA ${metadata})`;
}

function within({ from, to }: Span): string {
  // Beyond the last time there is none that a row could have.
  const after = to > LAST_TIME ? '' : ` AND time < make_timestamp_ns(${to})`;
  return `time >= make_timestamp_ns(${from < FIRST_TIME ? FIRST_TIME : from})${after}`;
}
