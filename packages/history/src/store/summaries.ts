/**
 * Makes and removes what the database file knows of segments beside their rows. It is made after a segment is recorded, in a
 * transaction of its own, so a segment may be without for a while: questions then read its rows.
 */
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { filterBits, idFilterSql } from '../rollup/id-filter.js';
import { ROLLUPS, rollupColumns, rollupKeys, SUMMARIES, servingPort } from '../rollup/rollup-tables.js';
import { sumList, sumNames } from '../rollup/sums.js';
import { trafficRows } from '../rollup/traffic-rows.js';
import { quoteText, tableColumns } from '../schema/index.js';
import { listSegments, query, type Segment } from './catalog.js';
import type { StoreContext } from './context.js';
import { inTransaction } from './database.js';
import { failureKind, mayBeDamage } from './failure-kind.js';

/** Sums pay where they are far fewer than rows, or few: opening a file costs as much as a thousand of them. */
const FEW_SUMS = 1000;
const ROWS_PER_SUM = 4;
/** Rows that are read at a time; of a history that was made by an earlier version there are many. */
const ROWS_AT_ONCE = 2_000_000;

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
  const columns = tableColumns(schema.compact, table, schema.tables[table]!, version);
  const source = `(SELECT ${columns} FROM read_parquet(${quoteText(join(layout.segments, name))}))`;
  const keys = rollupColumns.map((column) => `"${column}"`).join(', ');
  const id = await nextId(connection);
  await connection.run(
    `INSERT INTO ${ROLLUPS} BY NAME SELECT ${id} AS summary, make_timestamp_ns(${from}) AS time,
       ${[...rollupKeys.map((key) => `"${key}"`), ...sumNames].join(', ')}
     FROM (SELECT ${keys}, ${servingPort} AS port, ${sumList}, count(*) OVER () AS n
       FROM (${trafficRows(table, source)}) GROUP BY ${keys}, port)
     WHERE n <= ${Math.max(FEW_SUMS, Math.floor(rows / ROWS_PER_SUM))}`,
  );
  const bits = table === 'ends' ? filterBits(rows) : undefined;
  await connection.run(
    `INSERT INTO ${SUMMARIES} SELECT ${id}, ${quoteText(name)}, EXISTS (FROM ${ROLLUPS} WHERE summary = ${id}),
       ${bits === undefined ? 'NULL' : `(${idFilterSql(source, bits)})`}`,
  );
}

async function insertNothing(connection: DuckDBConnection, name: string): Promise<void> {
  const id = await nextId(connection);
  await connection.run(`INSERT INTO ${SUMMARIES} VALUES (${id}, ${quoteText(name)}, false, NULL)`);
}

async function nextId(connection: DuckDBConnection): Promise<number> {
  const [row] = await query(connection, `SELECT coalesce(max(id), 0) + 1 FROM ${SUMMARIES}`);
  return Number(row![0]);
}
