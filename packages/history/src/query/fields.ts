/** What rows can be grouped by. Pure. */
import { OptionError } from '@weir/ebpf/errors';
import { LINK_LOCAL } from '@weir/tracer/filter/compile';
import { servingPort } from '../rollup/rollup-tables.js';
import { duckdbDialect, type SqlDialect } from './sql-dialect.js';

/** A field to group by. */
export interface GroupField {
  /** An expression over the columns that ends, intervals and opens have in common. */
  readonly sql: string;
  /** The same over sums of segments, by their columns, which some of them have; absent: none does. */
  readonly rollup?: string;
  /** One sentence for users. */
  readonly help: string;
}

/** An address, with its interface where another link may have the same: `fe80::1%eth0`. */
function withLink(address: string, { hasPattern }: SqlDialect): string {
  return `CASE WHEN interface IS NOT NULL AND ${hasPattern(address, LINK_LOCAL)}
  THEN ${address} || '%' || interface ELSE ${address} END`;
}

/** A field that some sums of segments have, too. */
const both = (sql: string, help: string): GroupField => ({ sql, rollup: sql, help });

/** Fields by name. */
export type GroupFields = Readonly<Record<string, GroupField>>;

/** The fields, by name, in the order in which help shows them, as SQL of a database. */
export const groupFieldsOf = (dialect: SqlDialect): GroupFields => ({
  process: both('comm', 'command name of the process'),
  executable: both('executable', 'path of the program'),
  command_line: { sql: 'command_line', help: 'arguments of the process' },
  pid: { sql: 'pid', help: 'process id' },
  uid: both('uid', 'user id of the process'),
  unit: both('unit', 'systemd unit'),
  container: both('coalesce(container_name, container_id)', 'name of the container, or its id'),
  pod: both("coalesce(pod_namespace || '/' || pod_name, pod_uid)", 'namespace and name of the pod'),
  namespace: both('pod_namespace', 'Kubernetes namespace'),
  peer: both(withLink('peer_address', dialect), "the peer's address; a link-local one with its interface"),
  peer_name: both(
    `coalesce(peer_name, ${withLink('peer_address', dialect)})`,
    "name of the peer's address, or the address",
  ),
  peer_group: both('peer_group', "name of the peer's group of networks"),
  country: both('peer_country', "the peer's country"),
  asn: both('peer_asn', "number of the peer's autonomous system"),
  as_org: both('peer_as_org', 'organisation of that system'),
  peer_port: { sql: 'peer_port', help: "the peer's port" },
  local: both(withLink('local_address', dialect), 'local address; a link-local one with its interface'),
  local_port: { sql: 'local_port', help: 'local port' },
  port: { sql: servingPort, rollup: 'port', help: 'port of the side that serves' },
  service: both('service', 'name of the port that serves'),
  transport: both('transport', 'tcp or udp'),
  family: both('family', 'ipv4 or ipv6'),
  direction: both('direction', 'outbound or inbound'),
  interface: both('interface', 'interface that the socket is bound to'),
  netns: both('netns', 'network namespace'),
  host: both('host_id', 'host and boot'),
  error: both('error', 'errno name of a failed connect'),
  closed_by: both('closed_by', 'who ended it'),
  event: both('event', 'close, fail or udp_flow'),
});

/** The fields of the history, whose database is DuckDB. */
export const groupFields: GroupFields = groupFieldsOf(duckdbDialect);

/** The fields of these names. @throws OptionError for one that there is not. */
export function fieldsNamed(names: readonly string[], fields = groupFields): GroupField[] {
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw new OptionError(`${JSON.stringify(twice)} is there twice`);
  return names.map((name) => {
    if (!Object.hasOwn(fields, name)) {
      const known = Object.keys(fields).join(', ');
      throw new OptionError(`${JSON.stringify(name)} is no field to group by: choose from ${known}`);
    }
    return fields[name]!;
  });
}
