/**
 * How the database file has most rows of `ends`: what many rows of a host have in common, its process before all, is in a table of its
 * own, once, and a row has the number of that. Each column less makes a row cheaper to append, to log and to compress. Pure.
 */
import { type Column, type Columns, columnTypes, required } from './column.js';
import { createTable, quoteName } from './ddl.js';
import { endColumns, RECENT } from './tables.js';

/** The first version of the schema whose database file has these tables. */
export const SHORT_ENDS_SINCE = 4;

/** Table with a row for each connection, without the shared columns. */
export const SHORT_ENDS = 'short_ends';
/** Table with the shared columns. */
export const SHARED_ENDS = 'shared_ends';
/** The column by which rows of both belong together. */
export const SHARED_NUMBER = 'shared_number';

/** Columns of which a host has few values together: their number bounds what is gained, not what can be stored. */
const sharedNames = [
  ...([
    'host_id',
    'transport',
    'family',
    'netns',
    'local_address',
    'local_ip',
    'service',
    'direction',
  ] as const),
  ...(['peer_group', 'peer_country', 'peer_asn', 'peer_as_org'] as const),
  ...(['interface', 'interface_index', 'comm', 'thread', 'uid', 'cgroup_id', 'executable'] as const),
  ...(['command_line', 'container_id', 'container_runtime', 'container_name'] as const),
  ...(['pod_uid', 'pod_name', 'pod_namespace', 'unit'] as const),
  ...(['event', 'error', 'closed_by', 'subflows', 'accounted', 'candidates', 'filter'] as const),
] as const satisfies readonly (keyof typeof endColumns)[];

/** Columns of these tables. A column that `ends` gets later is in neither: rows that have it are stored as a whole. */
const SHORT_VERSION = 5;

function pick(isShared: boolean): Columns {
  const names: readonly string[] = sharedNames;
  return Object.fromEntries(
    Object.entries<Column>(endColumns).filter(
      ([name, { since }]) => since <= SHORT_VERSION && names.includes(name) === isShared,
    ),
  );
}

const number = { [SHARED_NUMBER]: required('count', 'Which of the shared columns belong to the row.') };
/** Columns that a connection has for itself. */
export const shortColumns: Columns = { ...number, ...pick(false) };
/** Columns that many have in common. */
export const sharedColumns: Columns = { ...number, ...pick(true) };

/** DDL of both. */
export function shortTables(): string[] {
  return [
    createTable(`${RECENT}.${SHORT_ENDS}`, shortColumns),
    createTable(`${RECENT}.${SHARED_ENDS}`, sharedColumns),
  ];
}

/** Statements that add the columns of a later version, where the tables were made without. */
export function addSharedColumns(version: number): string[] {
  return Object.entries(sharedColumns)
    .filter(([, { since }]) => since === version)
    .map(
      ([name, { kind }]) =>
        `ALTER TABLE ${RECENT}.${SHARED_ENDS} ADD COLUMN IF NOT EXISTS ${quoteName(name)} ${columnTypes[kind]}`,
    );
}

/** A statement that selects columns of `ends` out of both tables, as a version of the schema has them. */
export function selectShortEnds(columns: Columns, version: number): string {
  const list = Object.entries(columns).map(([name, { kind, since }]) =>
    since <= version && (name in shortColumns || name in sharedColumns)
      ? quoteName(name)
      : `NULL::${columnTypes[kind]} AS ${quoteName(name)}`,
  );
  return `SELECT ${list.join(', ')} FROM ${RECENT}.${SHORT_ENDS} JOIN ${RECENT}.${SHARED_ENDS} USING (${SHARED_NUMBER})`;
}
