/** What rows can be grouped by. Pure. */
import { OptionError } from '@weir/ebpf/errors';
import { LINK_LOCAL } from '@weir/tracer/filter/compile';

/** A field to group by. */
export interface GroupField {
  /** An expression over the columns that ends, intervals and opens have in common. */
  readonly sql: string;
  /** One sentence for users. */
  readonly help: string;
}

const servingPort = `CASE direction WHEN 'inbound' THEN local_port WHEN 'outbound' THEN peer_port
  ELSE least(local_port, peer_port) END`;

/** An address, with its interface where another link may have the same: `fe80::1%eth0`. */
const withLink = (address: string) =>
  `CASE WHEN interface IS NOT NULL AND regexp_matches(${address}, '${LINK_LOCAL}')
  THEN ${address} || '%' || interface ELSE ${address} END`;

/** The fields, by name, in the order in which help shows them. */
export const groupFields: Readonly<Record<string, GroupField>> = {
  process: { sql: 'comm', help: 'command name of the process' },
  executable: { sql: 'executable', help: 'path of the program' },
  command_line: { sql: 'command_line', help: 'arguments of the process' },
  pid: { sql: 'pid', help: 'process id' },
  uid: { sql: 'uid', help: 'user id of the process' },
  unit: { sql: 'unit', help: 'systemd unit' },
  container: { sql: 'coalesce(container_name, container_id)', help: 'name of the container, or its id' },
  pod: { sql: "coalesce(pod_namespace || '/' || pod_name, pod_uid)", help: 'namespace and name of the pod' },
  namespace: { sql: 'pod_namespace', help: 'Kubernetes namespace' },
  peer: { sql: withLink('peer_address'), help: "the peer's address; a link-local one with its interface" },
  peer_name: {
    sql: `coalesce(peer_name, ${withLink('peer_address')})`,
    help: "name of the peer's address, or the address",
  },
  peer_port: { sql: 'peer_port', help: "the peer's port" },
  local: { sql: withLink('local_address'), help: 'local address; a link-local one with its interface' },
  local_port: { sql: 'local_port', help: 'local port' },
  port: { sql: servingPort, help: 'port of the side that serves' },
  service: { sql: 'service', help: 'name of the port that serves' },
  transport: { sql: 'transport', help: 'tcp or udp' },
  family: { sql: 'family', help: 'ipv4 or ipv6' },
  direction: { sql: 'direction', help: 'outbound or inbound' },
  interface: { sql: 'interface', help: 'interface that the socket is bound to' },
  netns: { sql: 'netns', help: 'network namespace' },
  host: { sql: 'host_id', help: 'host and boot' },
  error: { sql: 'error', help: 'errno name of a failed connect' },
  closed_by: { sql: 'closed_by', help: 'who ended it' },
  event: { sql: 'event', help: 'close, fail or udp_flow' },
};

/** The SQL of fields. @throws OptionError for one that there is not. */
export function fieldExpressions(names: readonly string[]): string[] {
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw new OptionError(`${JSON.stringify(twice)} is there twice`);
  return names.map((name) => {
    if (!Object.hasOwn(groupFields, name)) {
      const known = Object.keys(groupFields).join(', ');
      throw new OptionError(`${JSON.stringify(name)} is no field to group by: choose from ${known}`);
    }
    return groupFields[name]!.sql;
  });
}
