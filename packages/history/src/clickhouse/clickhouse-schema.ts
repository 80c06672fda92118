/** Makes Weir's tables in ClickHouse, and brings those of an earlier version up to this one. */
import { HistoryError, UnreadableDatabaseError } from '../errors.js';
import { quoteName } from '../schema/index.js';
import type { ClickhouseConnection } from './clickhouse-connection.js';
import { type ClickhouseLayout, checkLayout } from './clickhouse-layout.js';
import { addColumns, createAll, engineOf, onCluster, tablePlace } from './create-tables.js';
import { checkServerVersion } from './server-version.js';

/**
 * What a version adds. ClickHouse has no transactions for this, and several hosts may begin at a time: each statement must do nothing
 * where it was executed before.
 */
export interface ClickhouseMigration {
  readonly version: number;
  readonly statements: (layout: ClickhouseLayout) => string[];
  /** The oldest version of Weir's schema that can still write: a new column that may be NULL keeps that of the version before. */
  readonly oldestWriter: number;
}

/** One for each version, in order. */
export const clickhouseMigrations: readonly ClickhouseMigration[] = [
  { version: 1, statements: createAll, oldestWriter: 1 },
  // Networks, countries and autonomous systems of peers.
  { version: 2, statements: (layout) => addColumns(layout, 5), oldestWriter: 1 },
];

const VERSIONS = 'weir_versions';

/** What preparing depends on beside the layout. */
export interface PrepareOptions {
  /** Whether tables are made and changed; else they must be there. Default: true. */
  readonly migrate?: boolean;
  readonly migrations?: readonly ClickhouseMigration[];
}

/**
 * Makes the schema what this program writes.
 *
 * @returns the version before; 0: there was none.
 * @throws HistoryError where the server is too old, a newer Weir has made the tables, or they are missing and may not be made; ClickHouseError
 */
export async function prepareClickhouse(
  connection: ClickhouseConnection,
  layout: ClickhouseLayout,
  { migrate = true, migrations = clickhouseMigrations }: PrepareOptions = {},
): Promise<number> {
  checkLayout(layout);
  await checkServerVersion(connection);
  const known = migrations.at(-1)!.version;
  const found = await versionOf(connection, layout);
  const { version = 0, oldestWriter = 0 } = found ?? {};
  if (oldestWriter > known)
    throw new HistoryError(
      `the tables in ClickHouse need version ${oldestWriter} of their schema, and this program knows ${known}: use a newer Weir`,
    );
  if (version >= known) return version;
  if (!migrate)
    throw new HistoryError(
      `the tables in ClickHouse have version ${version} of their schema, and this program writes ${known}: let one host migrate them`,
    );
  if (found === undefined) await createVersions(connection, layout);
  for (const migration of migrations.filter((each) => each.version > version)) {
    for (const statement of migration.statements(layout)) await connection.execute(statement);
    await connection.execute(
      `INSERT INTO ${tablePlace(layout, VERSIONS)} ("version", "oldest_writer") VALUES (${migration.version}, ${migration.oldestWriter})`,
    );
  }
  return version;
}

/**
 * Whether this program can read the tables that are there.
 *
 * @throws UnreadableDatabaseError where there are none, or it is too old or too new for them; ClickHouseError
 */
export async function checkClickhouse(
  connection: ClickhouseConnection,
  { database, shown }: { readonly database: string; readonly shown: string },
  migrations = clickhouseMigrations,
): Promise<void> {
  const found = await versionOf(connection, { database });
  const known = migrations.at(-1)!.version;
  if (found === undefined)
    throw new UnreadableDatabaseError(
      `ClickHouse at ${shown} has no tables of Weir in this database: weir serve --store makes them`,
    );
  if (found.oldestWriter > known)
    throw new UnreadableDatabaseError(
      `the tables in ClickHouse at ${shown} need version ${found.oldestWriter} of their schema, and this program knows ${known}: use a newer Weir`,
    );
  if (found.version < known)
    throw new UnreadableDatabaseError(
      `the tables in ClickHouse at ${shown} have version ${found.version} of their schema, and this program reads ${known}: start weir serve --store of this version once`,
    );
}

async function versionOf(
  connection: ClickhouseConnection,
  layout: ClickhouseLayout,
): Promise<{ version: number; oldestWriter: number } | undefined> {
  const parameters = { database: layout.database, table: VERSIONS };
  const there = await connection.rows(
    'SELECT 1 FROM system.tables WHERE database = {database:String} AND name = {table:String}',
    parameters,
  );
  if (there.length === 0) return undefined;
  const [row] = await connection.rows(
    `SELECT max("version"), max("oldest_writer") FROM ${tablePlace(layout, VERSIONS)}`,
  );
  return { version: Number(row![0]), oldestWriter: Number(row![1]) };
}

async function createVersions(connection: ClickhouseConnection, layout: ClickhouseLayout): Promise<void> {
  await connection.execute(`CREATE DATABASE IF NOT EXISTS ${quoteName(layout.database)}${onCluster(layout)}`);
  await connection.execute(`CREATE TABLE IF NOT EXISTS ${tablePlace(layout, VERSIONS)}${onCluster(layout)}
("version" UInt32, "oldest_writer" UInt32, "applied" DateTime DEFAULT now())
ENGINE = ${engineOf(layout, 'MergeTree')} ORDER BY "version"`);
}
