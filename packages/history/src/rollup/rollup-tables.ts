/**
 * What the database file knows of segments beside their rows, so that questions need not open them: sums by the columns that have few
 * values, and which ids are not in them. All of it can be made anew out of the segments. Pure.
 */
import { columnTypes } from '../schema/column.js';
import { quoteName } from '../schema/ddl.js';
import { endColumns, RECENT } from '../schema/tables.js';
import { sumNames } from './sums.js';

/** The first version of the schema whose database file has these tables. */
export const ROLLUPS_SINCE = 3;

/** Columns of `ends` by which there are sums: a host has few values of each together. */
export const rollupColumns = [
  ...(['host_id', 'transport', 'family', 'netns', 'local_address', 'interface', 'direction'] as const),
  ...(['service', 'comm', 'uid', 'executable', 'unit'] as const),
  ...(['container_id', 'container_runtime', 'container_name'] as const),
  ...(['pod_uid', 'pod_name', 'pod_namespace'] as const),
  ...(['event', 'error', 'closed_by'] as const),
] as const;

/** The port of the side that serves: by it there are sums, by others are not. */
export const servingPort = `CASE direction WHEN 'inbound' THEN local_port WHEN 'outbound' THEN peer_port
  ELSE least(local_port, peer_port) END`;

/** Table with the sums: a row for each segment and values of the columns. `time` is that of the segment's first row. */
export const ROLLUPS = `${RECENT}.rollups`;
/** Table with a row for each segment whose sums were made. */
export const SUMMARIES = `${RECENT}.summaries`;

/** Columns of sums, in the order of the table. */
export const rollupKeys: readonly string[] = [...rollupColumns, 'port'];

/** DDL of both. They hold nothing that is not in segments: a version that changes them drops them first. */
export function rollupTables(): string[] {
  const keys = rollupColumns.map((name) => `${quoteName(name)} ${columnTypes[endColumns[name].kind]}`);
  const sums = sumNames.map((name) => `${name} DOUBLE`);
  return [
    `CREATE TABLE ${SUMMARIES} (id UINTEGER NOT NULL, name VARCHAR NOT NULL, has_sums BOOLEAN NOT NULL, ids BIT)`,
    `CREATE TABLE ${ROLLUPS} (summary UINTEGER NOT NULL, "time" TIMESTAMP_NS NOT NULL,
      ${[...keys, 'port USMALLINT', ...sums].join(', ')})`,
  ];
}
