/** The fields that a filter can name: parser, predicate, SQL, help and completion go by this table. */
import { constants } from 'node:os';
import type { FilterColumn } from './filter-columns.js';

/**
 * - `text`: a part (`:`) or a pattern of the whole (`=`)
 * - `word`: one of the field's words
 * - `address`: an address, a prefix, or a part of either text
 * - `port`: a number, a range, or the name of a service
 * - `number`: a number or range
 * - `user`: the same, or the name of a user
 * - `amount`: a comparison, or a range; several columns are added up
 */
export type FilterFieldType = 'text' | 'word' | 'address' | 'port' | 'number' | 'user' | 'amount';

/** What an amount counts, and which units it takes. */
export type FilterUnit = 'bytes' | 'bytes a second' | 'microseconds' | 'count';

/** The columns that have to have a value for a word to hold. */
export type WordMeaning = { readonly [Name in FilterColumn]?: string };

/** A field of filters. */
export interface FilterField {
  readonly name: string;
  /** Other names, such as the one that records have. */
  readonly aliases: readonly string[];
  readonly type: FilterFieldType;
  /** Only amounts have it. */
  readonly unit?: FilterUnit;
  readonly help: string;
  /** A value, to be shown behind the name and a colon. */
  readonly example: string;
  /** The columns in which the value may be; of an amount, those that are added up. */
  readonly columns: readonly FilterColumn[];
  /** Columns that only a whole value fits: a part (`:`) is not looked for there. */
  readonly wholes?: readonly FilterColumn[];
  /** The words of the field, and what each means. */
  readonly words?: Readonly<Record<string, WordMeaning>>;
  /** All values that there are, where they are few, or those that are likely: for completion. */
  readonly values?: readonly string[];
  /** Whether a value that is part of none of `known` is a mistake. */
  readonly known?: readonly string[];
}

type Details = Omit<FilterField, 'name' | 'aliases' | 'type'>;

function field(names: string, type: FilterFieldType, details: Details): FilterField {
  const [name = '', ...aliases] = names.split(' ');
  return { name, aliases, type, ...details };
}

function words(names: string, column: FilterColumn, list: readonly string[], help: string): FilterField {
  const meanings = Object.fromEntries(list.map((word) => [word, { [column]: word }]));
  const example = list[0]!;
  return field(names, 'word', { help, example, columns: [column], words: meanings, values: list });
}

function text(names: string, columns: readonly FilterColumn[], example: string, help: string): FilterField {
  return field(names, 'text', { help, example, columns });
}

function number(names: string, column: FilterColumn, example: string, help: string): FilterField {
  return field(names, 'number', { help, example, columns: [column] });
}

function amount(
  names: string,
  unit: FilterUnit,
  columns: readonly FilterColumn[],
  help: string,
  example = { bytes: '>1M', 'bytes a second': '>10k', microseconds: '>10ms', count: '>0' }[unit],
): FilterField {
  return field(names, 'amount', { unit, help, example, columns });
}

const states = [
  ...['established', 'syn_sent', 'syn_recv', 'fin_wait1', 'fin_wait2', 'close_wait', 'last_ack', 'closing'],
  ...['listen', 'open'],
];
const protocols: Readonly<Record<string, WordMeaning>> = {
  tcp: { transport: 'tcp' },
  udp: { transport: 'udp' },
  tcp4: { transport: 'tcp', type: 'ipv4' },
  tcp6: { transport: 'tcp', type: 'ipv6' },
  udp4: { transport: 'udp', type: 'ipv4' },
  udp6: { transport: 'udp', type: 'ipv6' },
  ipv4: { type: 'ipv4' },
  ipv6: { type: 'ipv6' },
};
const directions: Readonly<Record<string, WordMeaning>> = {
  in: { direction: 'inbound' },
  inbound: { direction: 'inbound' },
  out: { direction: 'outbound' },
  outbound: { direction: 'outbound' },
};
const events = ['connect', 'accept', 'close', 'fail', 'udp_flow', 'fd_install'];
const closers = ['local', 'peer', 'reset', 'timeout', 'abort', 'idle'];
const likelyErrors = [
  ...['ECONNREFUSED', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ECONNRESET', 'ECANCELED', 'EADDRNOTAVAIL'],
  ...['EACCES', 'EPERM', 'EINVAL', 'ECONNABORTED'],
];

/** The fields, in the order in which help shows them. */
export const filterFields: readonly FilterField[] = [
  field('port', 'port', {
    help: 'port of either end, range, or service',
    example: '443',
    columns: ['local_port', 'peer_port'],
  }),
  field('lport local_port local.port', 'port', {
    help: 'local port',
    example: '8000-8999',
    columns: ['local_port'],
  }),
  field('pport peer_port peer.port', 'port', {
    help: "peer's port",
    example: 'https',
    columns: ['peer_port'],
  }),
  field('addr address', 'address', {
    help: 'address or prefix of either end',
    example: '10.0.0.0/8',
    columns: ['local_address', 'peer_address', 'peer_name'],
  }),
  field('local local_address local.address', 'address', {
    help: 'local address or prefix',
    example: '127.0.0.1',
    columns: ['local_address'],
  }),
  field('peer peer_address peer.address', 'address', {
    help: "peer's address, prefix, or part of its name",
    example: '2001:db8::/32',
    columns: ['peer_address', 'peer_name'],
  }),
  text('proc process', ['comm', 'executable'], 'nginx', 'part of the name or path of the program'),
  text(
    'cmd command_line cmdline process.command_line',
    ['command_line'],
    '--config',
    'part of the command line',
  ),
  number('pid process.pid', 'pid', '4242', 'process id'),
  field('uid user process.uid', 'user', {
    help: 'user of the process, by id or name',
    example: '1000',
    columns: ['uid'],
  }),
  text(
    'container',
    ['container_name', 'container_id', 'container_runtime'],
    '3f2a',
    'part of the container name, id or runtime',
  ),
  text('unit process.unit', ['unit'], 'nginx.service', 'part of the systemd unit'),
  text('pod', ['pod_name', 'pod_namespace', 'pod_uid'], 'web-0', "part of the pod's name, namespace or uid"),
  number('netns', 'netns', '4026531840', 'inode of the network namespace'),
  text('interface iface', ['interface'], 'eth0', 'part of the name of the interface'),
  field('proto protocol', 'word', {
    help: 'tcp or udp, with 4 or 6 of that address family',
    example: 'udp',
    columns: ['transport', 'type'],
    words: protocols,
    values: Object.keys(protocols),
  }),
  field('dir direction', 'word', {
    help: 'in or out',
    example: 'in',
    columns: ['direction'],
    words: directions,
    values: Object.keys(directions),
  }),
  words('state', 'state', states, 'state of the connection'),
  field('error', 'text', {
    help: 'part of the errno of a connection that failed',
    example: 'ECONNREFUSED',
    columns: ['error'],
    values: likelyErrors,
    known: Object.keys(constants.errno),
  }),
  words('closed_by', 'closed_by', closers, 'what ended the connection'),
  words('event', 'event', events, 'kind of the record'),
  amount('rate', 'bytes a second', ['send_rate', 'receive_rate'], 'bytes a second, both ways'),
  amount('bytes', 'bytes', ['bytes_sent', 'bytes_received'], 'payload, both ways'),
  amount('sent bytes_sent bytes_out', 'bytes', ['bytes_sent'], 'payload sent'),
  amount('received bytes_received bytes_in', 'bytes', ['bytes_received'], 'payload received'),
  amount('retrans retransmits', 'count', ['retransmits'], 'retransmitted segments'),
  amount('srtt srtt_us rtt', 'microseconds', ['srtt_us'], 'smoothed round-trip time'),
  amount('handshake handshake_us', 'microseconds', ['handshake_us'], 'from SYN to established'),
  amount('duration duration_us age age_us', 'microseconds', ['duration_us'], 'since it began', '>1m'),
  text('peer_name peer.name', ['peer_name'], 'example.com', "part of the peer's name"),
  text('peer_group peer.group', ['peer_group'], 'db', "part of the name of the peer's group of networks"),
  text(
    'country peer_country peer.country',
    ['peer_country'],
    'de',
    "part of the peer's country, two letters",
  ),
  number('asn peer_asn peer.asn', 'peer_asn', '15169', "number of the peer's autonomous system"),
  text('as_org peer_as_org peer.as_org', ['peer_as_org'], 'google', "part of that system's organisation"),
  text('comm process.comm', ['comm'], 'nginx', "part of the process's name"),
  text('exe executable process.executable', ['executable'], '/usr/sbin', 'part of the path of the program'),
  text('thread', ['thread'], 'worker', "part of the thread's name, where it has one of its own"),
  number('tid process.tid', 'tid', '4243', 'thread id'),
  text(
    'container_name process.container_name',
    ['container_name'],
    'shop_web_1',
    "part of the container's name",
  ),
  text('container_id process.container_id', ['container_id'], '3f2a', "part of the container's id"),
  text(
    'runtime container_runtime process.container_runtime',
    ['container_runtime'],
    'docker',
    'part of the name of the container runtime',
  ),
  text('pod_name process.pod_name', ['pod_name'], 'web-0', "part of the pod's name"),
  text(
    'namespace pod_namespace process.pod_namespace',
    ['pod_namespace'],
    'shop',
    "part of the pod's namespace",
  ),
  number('cgroup cgroup_id', 'cgroup_id', '4711', 'cgroup v2 id'),
  words('transport network.transport', 'transport', ['tcp', 'udp'], 'tcp or udp'),
  words('type family network.type', 'type', ['ipv4', 'ipv6'], 'ipv4 or ipv6'),
  text('service', ['service'], 'https', 'part of the name of the port that serves'),
  words('accounted', 'accounted', ['accept', 'listener'], 'how the accepting process is known'),
  number(
    'candidates',
    'candidates',
    '2',
    'processes that hold the listening socket, where there are several',
  ),
  text('flow_id flow', ['flow_id'], '1a2b', 'part of the id of the connection on this host'),
  field('host host_name', 'text', {
    help: 'part of the name of the host that recorded it; or all of its id',
    example: 'web-1',
    columns: ['host_name', 'host_label', 'host_boot'],
    // Short names are parts of many ids.
    wholes: ['host_label', 'host_boot'],
  }),
  text('connection_id connection', ['connection_id'], '1a2b', 'part of the id that both ends have in common'),
  amount('send_rate', 'bytes a second', ['send_rate'], 'bytes a second sent'),
  amount('receive_rate', 'bytes a second', ['receive_rate'], 'bytes a second received'),
  amount('segments', 'count', ['segments_sent', 'segments_received'], 'TCP segments, both ways', '>100'),
  amount('segments_sent', 'count', ['segments_sent'], 'TCP segments sent', '>100'),
  amount('segments_received', 'count', ['segments_received'], 'TCP segments received', '>100'),
  amount('datagrams', 'count', ['datagrams_sent', 'datagrams_received'], 'UDP datagrams, both ways', '>100'),
  amount('datagrams_sent', 'count', ['datagrams_sent'], 'UDP datagrams sent', '>100'),
  amount('datagrams_received', 'count', ['datagrams_received'], 'UDP datagrams received', '>100'),
  amount('subflows', 'count', ['subflows'], 'TCP connections that carried an MPTCP one', '>1'),
  amount('closing closing_us', 'microseconds', ['closing_us'], "from the application's close to the end"),
  amount('idle idle_us', 'microseconds', ['idle_us'], 'since payload last moved', '>30s'),
  number('fd', 'fd', '5', 'file descriptor'),
  number('cpu', 'cpu', '0', 'CPU on which the kernel saw the event'),
];

const byName: ReadonlyMap<string, FilterField> = new Map(
  filterFields.flatMap((item) => [item.name, ...item.aliases].map((name) => [name, item] as const)),
);

/** The field of a name or alias, in lower case. */
export function fieldNamed(name: string): FilterField | undefined {
  return byName.get(name);
}

/** All names and aliases, in the order of the table. */
export const fieldNames: readonly string[] = [...byName.keys()];

/** Whether rows with these columns can meet a test of a field. */
export function isAvailable(
  field: FilterField,
  columns: { readonly [Name in FilterColumn]?: unknown },
): boolean {
  const has = (name: FilterColumn) => columns[name] !== undefined;
  return field.type === 'amount' ? field.columns.every(has) : field.columns.some(has);
}
