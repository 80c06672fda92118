/** What the database file knows about itself and the segments beside it. */
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api';
import { HistoryError } from '../errors.js';
import { rollups, rollupTables, SUMMARIES } from '../rollup/rollup-tables.js';
import { createTable, RECENT, type Schema, shortTables } from '../schema/index.js';
import type { StoreContext } from './context.js';
import { inTransaction } from './database.js';
import type { RetentionTime } from './retention-clock.js';

/** A segment: one Parquet file with the rows of a table in an hour, or of a part of them. */
export interface Segment {
  readonly table: string;
  /** Hours since 1970. */
  readonly hour: number;
  /** From 1: an hour has more where rows came late, or a clock was set back. */
  readonly part: number;
  /** The name of its file. */
  readonly name: string;
  readonly rows: number;
  readonly bytes: number;
  /** The earliest and latest `time` of its rows. */
  readonly from: bigint;
  readonly to: bigint;
  /** The version of the schema that it was written with. */
  readonly version: number;
}

/** Table with a row for each segment. */
export const SEGMENTS = `${RECENT}.segments`;

const segmentsTable = `CREATE TABLE ${SEGMENTS} (
  table_name VARCHAR NOT NULL, hour BIGINT NOT NULL, part UINTEGER NOT NULL, name VARCHAR NOT NULL,
  row_count UBIGINT NOT NULL, bytes UBIGINT NOT NULL, first_time BIGINT NOT NULL, last_time BIGINT NOT NULL,
  version UINTEGER NOT NULL)`;

/**
 * Makes the tables of a new database file, or brings those of an earlier version up to this one.
 *
 * @returns the version that it had; undefined for a new one.
 */
export async function prepareSchema(
  connection: DuckDBConnection,
  { schema, step }: Pick<StoreContext, 'schema' | 'step'>,
): Promise<number | undefined> {
  const version = await storedVersion(connection);
  if (version === undefined) {
    await inTransaction(connection, () => createAll(connection, schema));
    return undefined;
  }
  if (version > schema.version)
    throw new HistoryError(
      `this history has version ${version} of the schema, and this program knows ${schema.version}: use a newer Weir`,
    );
  for (const migration of schema.migrations.filter((each) => each.version > version)) {
    await inTransaction(connection, async () => {
      for (const statement of migration.statements) await connection.run(statement);
      await connection.run(`UPDATE ${RECENT}.store SET version = ${migration.version}`);
      await step('migration:applied');
    });
    await step('migration:committed');
  }
  return version;
}

/** The version of the schema in a database file; undefined for a new one. */
export async function storedVersion(connection: DuckDBConnection): Promise<number | undefined> {
  const [exists] = await query(
    connection,
    `SELECT 1 FROM information_schema.tables WHERE table_schema = '${RECENT}' AND table_name = 'store'`,
  );
  if (exists === undefined) return undefined;
  const [row] = await query(connection, `SELECT version FROM ${RECENT}.store`);
  return Number(row?.[0]);
}

async function createAll(connection: DuckDBConnection, schema: Schema): Promise<void> {
  await connection.run(`CREATE SCHEMA ${RECENT}`);
  for (const [name, columns] of Object.entries(schema.tables))
    await connection.run(createTable(`${RECENT}.${name}`, columns));
  for (const statement of [segmentsTable, ...rollupTables(), ...shortTables()])
    await connection.run(statement);
  await connection.run(
    `CREATE TABLE ${RECENT}.store (version UINTEGER NOT NULL, retention_ns BIGINT, jumped_ms BIGINT)`,
  );
  await connection.run(`INSERT INTO ${RECENT}.store (version) VALUES (${schema.version})`);
}

/**
 * By which time retention went last. A file that does not say so goes by its newest batch or segment.
 *
 * @param watermark That of the newest batch, before the clock of now made one.
 */
export async function readRetentionTime(
  connection: DuckDBConnection,
  watermark: bigint | undefined,
): Promise<RetentionTime | undefined> {
  const [row] = await query(
    connection,
    `SELECT retention_ns, coalesce(jumped_ms, 0), (SELECT max(last_time) FROM ${SEGMENTS}) FROM ${RECENT}.store`,
  );
  const [kept, jumpedMs, newest] = row as [bigint | null, bigint, bigint | null];
  const time = kept ?? watermark ?? newest ?? undefined;
  return time === undefined ? undefined : { time, jumpedMs: Number(jumpedMs) };
}

/** Keeps it for the next process. */
export async function writeRetentionTime(
  connection: DuckDBConnection,
  { time, jumpedMs }: RetentionTime,
): Promise<void> {
  await connection.run(`UPDATE ${RECENT}.store SET retention_ns = $1, jumped_ms = $2`, [
    time,
    BigInt(jumpedMs),
  ]);
}

/** The rows that a statement returns. */
export async function query(
  connection: DuckDBConnection,
  sql: string,
  values?: DuckDBValue[],
): Promise<DuckDBValue[][]> {
  const result = await connection.runAndReadAll(sql, values);
  return result.getRows();
}

/** Columns of {@link SEGMENTS}, as {@link listSegments} reads them. */
export const segmentColumns: readonly string[] = [
  'table_name',
  'hour',
  'part',
  'name',
  'row_count',
  'bytes',
  'first_time',
  'last_time',
  'version',
];

/** All segments, the oldest first. */
export async function listSegments(connection: DuckDBConnection): Promise<Segment[]> {
  const rows = await query(
    connection,
    `SELECT ${segmentColumns.join(', ')} FROM ${SEGMENTS} ORDER BY hour, part, table_name`,
  );
  return rows.map(([table, hour, part, name, count, bytes, from, to, version]) => ({
    table: table as string,
    hour: Number(hour),
    part: Number(part),
    name: name as string,
    rows: Number(count),
    bytes: Number(bytes),
    from: from as bigint,
    to: to as bigint,
    version: Number(version),
  }));
}

/** Adds a segment. */
export async function addSegment(connection: DuckDBConnection, segment: Segment): Promise<void> {
  const { table, hour, part, name, rows, bytes, from, to, version } = segment;
  await connection.run(`INSERT INTO ${SEGMENTS} VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, [
    table,
    BigInt(hour),
    part,
    name,
    BigInt(rows),
    BigInt(bytes),
    from,
    to,
    version,
  ]);
}

/** Forgets a segment, and what is known of it. */
export async function deleteSegment(connection: DuckDBConnection, name: string): Promise<void> {
  for (const { table } of rollups)
    await connection.run(
      `DELETE FROM ${table} WHERE summary IN (SELECT id FROM ${SUMMARIES} WHERE name = $1)`,
      [name],
    );
  await connection.run(`DELETE FROM ${SUMMARIES} WHERE name = $1`, [name]);
  await connection.run(`DELETE FROM ${SEGMENTS} WHERE name = $1`, [name]);
}
