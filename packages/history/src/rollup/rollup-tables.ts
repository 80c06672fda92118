/**
 * What the database file knows of segments beside their rows, so that questions need not open them: sums by columns of which a host has
 * few values together, and which ids are not in them. All of it can be made anew out of the segments. Pure.
 */
import { columnTypes } from '../schema/column.js';
import { quoteName } from '../schema/ddl.js';
import { endColumns, RECENT } from '../schema/tables.js';
import { filterColumns } from './id-filter.js';
import { sumNames } from './sums.js';

/** The first version of the schema whose database file has these tables as they are. */
export const ROLLUPS_SINCE = 6;

/** The port of the side that serves: by it there are sums, by others are not. */
export const servingPort = `CASE direction WHEN 'inbound' THEN local_port WHEN 'outbound' THEN peer_port
  ELSE least(local_port, peer_port) END`;

const processColumns = [
  ...(['comm', 'uid', 'executable', 'unit', 'container_id', 'container_runtime', 'container_name'] as const),
  ...(['pod_uid', 'pod_name', 'pod_namespace'] as const),
] as const;
/** Filters have most of these, and a peer has one value of each, or few. */
const peerColumns = [
  ...(['host_id', 'transport', 'family', 'direction', 'interface', 'peer_address', 'peer_name'] as const),
  ...(['peer_group', 'peer_country', 'peer_asn', 'peer_as_org'] as const),
] as const;

/** Sums of segments by some columns. A segment has them where they are worth their room. */
export interface Rollup {
  /** Table with a row for each segment and values of the columns; `time` is that of the segment's first row. */
  readonly table: string;
  /** The column of {@link SUMMARIES} that says whether a segment has them. */
  readonly flag: string;
  /** Columns of `ends`, which sums have under the same name. */
  readonly columns: readonly (keyof typeof endColumns)[];
  /** Whether they have the port of the side that serves, as `port`. */
  readonly hasPort: boolean;
  /** A segment has at least so many rows for each of its sums, or few sums. */
  readonly rowsPerSum: number;
  /** Where the next ones of the list are there, these are only if they are fewer by this factor: a question can take the others. */
  readonly fewerThanNext: number;
}

/** In the order in which questions prefer them: those that are fewer come first. */
export const rollups: readonly Rollup[] = [
  {
    table: `${RECENT}.rollups`,
    flag: 'has_sums',
    columns: [
      ...(['host_id', 'transport', 'family', 'netns', 'local_address', 'interface', 'direction'] as const),
      ...['service' as const, ...processColumns],
      ...(['event', 'error', 'closed_by'] as const),
    ],
    hasPort: true,
    rowsPerSum: 4,
    // Questions by what the others do not know have no others.
    fewerThanNext: 0,
  },
  {
    table: `${RECENT}.peer_rollups`,
    flag: 'has_peer_sums',
    columns: peerColumns,
    hasPort: false,
    // A sum takes 26 bytes. Where a host talks to thousands, an hour has 3.7 connections for each.
    rowsPerSum: 3,
    fewerThanNext: 2,
  },
  {
    table: `${RECENT}.process_peer_rollups`,
    flag: 'has_process_peer_sums',
    columns: [...peerColumns, ...processColumns],
    hasPort: false,
    rowsPerSum: 3,
    fewerThanNext: 1,
  },
];

/** Table with a row for each segment whose sums were made. */
export const SUMMARIES = `${RECENT}.summaries`;

/** Columns by which there are such sums. */
export function rollupKeys({ columns, hasPort }: Rollup): readonly string[] {
  return hasPort ? [...columns, 'port'] : columns;
}

/** DDL of all. They hold nothing that is not in segments: a version that changes them drops them first. */
export function rollupTables(): string[] {
  const sums = sumNames.map((name) => `${name} DOUBLE`);
  const flags = [...rollups.map(({ flag }) => flag), 'has_ids'].map((flag) => `${flag} BOOLEAN NOT NULL`);
  const filters = filterColumns.map((name) => `${name} BIT`);
  return [
    `CREATE TABLE ${SUMMARIES} (id UINTEGER NOT NULL, name VARCHAR NOT NULL, ${[...flags, ...filters].join(', ')})`,
    ...rollups.map(({ table, columns, hasPort }) => {
      const keys = columns.map((name) => `${quoteName(name)} ${columnTypes[endColumns[name].kind]}`);
      const all = [...keys, ...(hasPort ? ['port USMALLINT'] : []), ...sums];
      return `CREATE TABLE ${table} (summary UINTEGER NOT NULL, "time" TIMESTAMP_NS NOT NULL, ${all.join(', ')})`;
    }),
  ];
}

/** Statements that make them anew in a database file of an earlier version. */
export function renewRollups(): string[] {
  const names = [SUMMARIES, ...rollups.map(({ table }) => table)];
  return [...names.map((name) => `DROP TABLE IF EXISTS ${name}`), ...rollupTables()];
}
