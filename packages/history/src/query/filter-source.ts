/** The columns of filters in the tables of the history. Pure. */
import type { FilterColumn } from '@weir/tracer/filter';
import { tables } from '../schema/index.js';
import type { FilterSource } from './filter-sql.js';
import type { NamedHost } from './host-names.js';
import { duckdbDialect, type SqlDialect } from './sql-dialect.js';

/** Tables whose rows filters choose. */
export type FilteredTable = 'ends' | 'intervals' | 'opens';

/** Columns of the tables that filters have under the same name. */
const sameNames: readonly FilterColumn[] = [
  ...(['event', 'cpu', 'pid', 'tid', 'comm', 'thread', 'uid', 'executable', 'command_line', 'unit'] as const),
  ...([
    'container_name',
    'container_id',
    'container_runtime',
    'pod_name',
    'pod_namespace',
    'pod_uid',
  ] as const),
  ...([
    'netns',
    'cgroup_id',
    'transport',
    'local_address',
    'local_port',
    'peer_address',
    'peer_port',
  ] as const),
  ...([
    'peer_name',
    'peer_group',
    'peer_country',
    'peer_asn',
    'peer_as_org',
    'service',
    'direction',
    'interface',
    'state',
    'accounted',
    'candidates',
    'error',
  ] as const),
  ...(['closed_by', 'bytes_sent', 'bytes_received', 'retransmits', 'subflows', 'srtt_us'] as const),
  ...(['handshake_us', 'duration_us', 'closing_us', 'idle_us'] as const),
];

/** Columns that follow from others; each names those that it needs. */
type Derived = Readonly<Partial<Record<FilterColumn, { readonly needs: string; readonly sql: string }>>>;

const derivedColumns = ({ asText, hexadecimal }: SqlDialect): Derived => ({
  type: { needs: 'family', sql: 'family' },
  host_boot: { needs: 'host_id', sql: hexadecimal('host_id', 16) },
  flow_id: {
    needs: 'flow_ns',
    sql: `(${hexadecimal('flow_ns', 15)} || '.' || ${asText('flow_cpu')})`,
  },
  connection_id: { needs: 'connection_id', sql: hexadecimal('connection_id', 16) },
  segments_sent: { needs: 'segments_sent', sql: "(CASE transport WHEN 'tcp' THEN segments_sent END)" },
  segments_received: {
    needs: 'segments_received',
    sql: "(CASE transport WHEN 'tcp' THEN segments_received END)",
  },
  datagrams_sent: { needs: 'segments_sent', sql: "(CASE transport WHEN 'udp' THEN segments_sent END)" },
  datagrams_received: {
    needs: 'segments_received',
    sql: "(CASE transport WHEN 'udp' THEN segments_received END)",
  },
  send_rate: { needs: 'span_us', sql: '(bytes_sent * 1e6 / nullif(span_us, 0))' },
  receive_rate: { needs: 'span_us', sql: '(bytes_received * 1e6 / nullif(span_us, 0))' },
});

/**
 * How the rows of a table, or of a view with its columns, have the columns of filters.
 *
 * @param dialect The database's SQL. Default: DuckDB's.
 * @param hosts The hosts that rows may be of; without them, no row is known to be of a host.
 */
export function filterSource(
  table: FilteredTable,
  dialect: SqlDialect = duckdbDialect,
  hosts: readonly NamedHost[] = [],
): FilterSource {
  const present = new Set(Object.keys(tables[table]));
  const same = sameNames.filter((name) => present.has(name)).map((name) => [name, `"${name}"`]);
  const others = Object.entries(derivedColumns(dialect))
    .filter(([, { needs }]) => present.has(needs))
    .map(([name, { sql }]) => [name, sql]);
  return {
    columns: Object.fromEntries([...same, ...others]),
    addresses: { local_address: '"local_ip"', peer_address: '"peer_ip"' },
    hosts: { id: '"host_id"', known: hosts },
    ids: { flow_id: '"flow_ns"', connection_id: '"connection_id"' },
  };
}
