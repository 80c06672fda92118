/**
 * Makes and removes what the database file knows of segments beside their rows. It is made after a segment is recorded, in a
 * transaction of its own, so a segment may be without for a while: questions then read its rows.
 */
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { filterBits, idFiltersSql } from '../rollup/id-filter.js';
import { type Rollup, rollupKeys, rollups, SUMMARIES, servingPort } from '../rollup/rollup-tables.js';
import { sumList } from '../rollup/sums.js';
import { sourceNames, trafficRows } from '../rollup/traffic-rows.js';
import { quoteName, quoteText, tableColumns } from '../schema/index.js';
import { listSegments, query, type Segment } from './catalog.js';
import type { StoreContext } from './context.js';
import { inTransaction } from './database.js';
import { failureKind, mayBeDamage } from './failure-kind.js';

/** Sums pay where they are far fewer than rows, or few: opening a file costs as much as a thousand of them. */
const FEW_SUMS = 1000;
/** An estimate may be wrong by a quarter. */
const ESTIMATE_FACTOR = 1.5;
/** Rows that are read at a time; of a history that was made by an earlier version there are many. */
const ROWS_AT_ONCE = 2_000_000;

/** Columns that sums are made of: a plan with all columns takes twice as long. */
const summed: ReadonlySet<string> = new Set([
  ...rollups.flatMap(({ columns }) => columns),
  ...`${servingPort} ${sumList}`.match(/\w+/g)!,
]);
const identifying: ReadonlySet<string> = new Set(['connection_id', 'flow_ns']);

/** Makes what segments lack, the newest first, up to a number of rows. */
export async function summarize(context: StoreContext, connection: DuckDBConnection): Promise<void> {
  const names = await query(connection, `SELECT name FROM ${SUMMARIES}`);
  const present = new Set(names.map(([name]) => name));
  let left = ROWS_AT_ONCE;
  for (const segment of (await listSegments(connection)).reverse()) {
    const { table } = segment;
    if (left <= 0) return;
    if ((table !== 'ends' && table !== 'intervals') || present.has(segment.name)) continue;
    left -= segment.rows;
    await summarizeOne(context, connection, segment, table);
  }
}

async function summarizeOne(
  context: StoreContext,
  connection: DuckDBConnection,
  segment: Segment,
  table: 'ends' | 'intervals',
): Promise<void> {
  try {
    await inTransaction(connection, async () => {
      await insert(context, connection, segment, table);
      await context.step('summary:inserted');
    });
  } catch (error) {
    // It needs more memory than there is, or it is damaged, which whoever asks for its rows will find.
    if (!['memory', 'missing'].includes(failureKind(error)) && !mayBeDamage(error)) throw error;
    await insertNothing(connection, segment.name);
  }
  await context.step('summary:committed');
}

async function insert(
  { layout, schema }: StoreContext,
  connection: DuckDBConnection,
  { name, rows, from, version }: Segment,
  table: 'ends' | 'intervals',
): Promise<void> {
  const rowsWith = (names: ReadonlySet<string>) => {
    const columns = Object.entries(schema.tables[table]!).filter(([column]) => names.has(column));
    const list = tableColumns(schema.compact, table, Object.fromEntries(columns), version);
    return `(SELECT ${list} FROM read_parquet(${quoteText(join(layout.segments, name))}))`;
  };
  const id = await nextId(connection);
  const made = { id, rows: trafficRows(table, rowsWith(sourceNames(summed)), summed), from, count: rows };
  const flags = await insertSums(connection, made);
  const bits = table === 'ends' ? filterBits(rows) : undefined;
  await connection.run(
    `INSERT INTO ${SUMMARIES} BY NAME SELECT ${id} AS id, ${quoteText(name)} AS name, ${bits !== undefined} AS has_ids,
       ${flags.join(', ')}${bits === undefined ? '' : `, * FROM (${idFiltersSql(rowsWith(identifying), bits)})`}`,
  );
}

/** What sums are made of. */
interface SumSource {
  readonly id: number;
  /** A SELECT of the rows of traffic. */
  readonly rows: string;
  readonly from: bigint;
  readonly count: number;
}

/** @returns a select list of which there are. */
async function insertSums(connection: DuckDBConnection, source: SumSource): Promise<string[]> {
  const estimates = await estimateSums(connection, source);
  const flags: string[] = [];
  let finer = Number.POSITIVE_INFINITY;
  for (const [index, rollup] of [...rollups.entries()].toReversed()) {
    const most = Math.min(Math.max(FEW_SUMS, source.count / rollup.rowsPerSum), finer / rollup.fewerThanNext);
    const number =
      estimates[index]! > most * ESTIMATE_FACTOR ? 0 : await insertRollup(connection, rollup, source, most);
    flags.push(`${number > 0} AS ${rollup.flag}`);
    if (number > 0) finer = number;
  }
  return flags;
}

/** About how many sums there would be of each kind: to make them takes memory for all, whether they are kept or not. */
async function estimateSums(connection: DuckDBConnection, { rows }: SumSource): Promise<number[]> {
  const counts = rollups.map((rollup) => `approx_count_distinct(hash(${listKeys(rollup)}))`);
  const [row] = await query(
    connection,
    `SELECT ${counts.join(', ')} FROM (SELECT *, ${servingPort} AS port FROM (${rows}))`,
  );
  return row!.map(Number);
}

/** @returns how many there are now: none where there would be more than that. */
async function insertRollup(
  connection: DuckDBConnection,
  rollup: Rollup,
  { id, rows, from }: SumSource,
  most: number,
): Promise<number> {
  const keys = listKeys(rollup);
  const result = await connection.run(
    `INSERT INTO ${rollup.table} BY NAME SELECT ${id} AS summary, make_timestamp_ns(${from}) AS time, * EXCLUDE n
     FROM (SELECT ${keys}, ${sumList}, count(*) OVER () AS n
       FROM (SELECT *, ${servingPort} AS port FROM (${rows})) GROUP BY ${keys})
     WHERE n <= ${Math.floor(most)} ORDER BY ${keys}`,
  );
  return result.rowsChanged;
}

function listKeys(rollup: Rollup): string {
  return rollupKeys(rollup).map(quoteName).join(', ');
}

async function insertNothing(connection: DuckDBConnection, name: string): Promise<void> {
  const id = await nextId(connection);
  const flags = [...rollups.map(({ flag }) => flag), 'has_ids'].map((flag) => `false AS ${flag}`);
  await connection.run(
    `INSERT INTO ${SUMMARIES} BY NAME SELECT ${id} AS id, ${quoteText(name)} AS name, ${flags.join(', ')}`,
  );
}

async function nextId(connection: DuckDBConnection): Promise<number> {
  const [row] = await query(connection, `SELECT coalesce(max(id), 0) + 1 FROM ${SUMMARIES}`);
  return Number(row![0]);
}
