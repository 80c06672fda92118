/** The tables, column by column. Row types, DDL and the documentation of SQL follow from this file. Pure. */
import { addressOf, type Column, type Columns, oneOf, optional, type RowOf, required } from './column.js';

/** The version of the schema that this code writes. A column that is added later names its version. */
export const SCHEMA_VERSION = 6;

/** The schema of the database in which the rows of tables are that no segment has yet. */
export const RECENT = 'recent';

/** The connection, its two ends, and its process: what `ends`, `intervals` and `opens` have in common. */
const connectionColumns = {
  host_id: required('id', 'The host and its boot, as in hosts.'),
  time: required('time', 'Wall-clock time of the row.'),
  monotonic_ns: required('clock', "The kernel's monotonic clock at that time."),
  flow_ns: optional('id', 'First half of flow_id: the monotonic clock when the connection was first seen.'),
  flow_cpu: optional('u16', 'Second half of flow_id: the CPU.'),
  connection_id: optional('id', 'Both initial sequence numbers; equal at both ends of a connection.'),
  transport: oneOf(required('text', 'tcp or udp.'), 'tcp', 'udp'),
  family: oneOf(required('text', 'ipv4 or ipv6; IPv4-mapped IPv6 is ipv4.'), 'ipv4', 'ipv6'),
  netns: optional('u32', 'Inode of the network namespace.'),
  local_address: required('text', 'Local address.'),
  local_ip: addressOf('local_address', 'Local address as a number of 128 bits.'),
  local_port: required('u16', 'Local port.'),
  peer_address: required('text', "The peer's address."),
  peer_ip: addressOf('peer_address', "The peer's address as a number of 128 bits."),
  peer_port: required('u16', "The peer's port."),
  peer_name: optional('text', "Name of the peer's address, by reverse DNS or in Kubernetes."),
  peer_group: optional('name', "Name of the group of networks that the peer's address is in.", 5),
  peer_country: optional('text', "Country of the peer's address, two letters as in ISO 3166-1.", 5),
  peer_asn: optional('u32', "Number of the autonomous system of the peer's address.", 5),
  peer_as_org: optional('name', 'Organisation of that autonomous system.', 5),
  service: optional('text', 'Name of the port that serves.'),
  direction: oneOf(
    optional('text', 'outbound (this side connected) or inbound (accepted).'),
    'outbound',
    'inbound',
  ),
  interface: optional('name', 'Interface that the socket is bound to.'),
  interface_index: optional('u32', 'Its number in the network namespace.'),
  pid: optional('u32', 'Process id in the initial pid namespace.'),
  tid: optional('u32', 'Thread id.'),
  comm: optional('name', 'Command name of the process.'),
  thread: optional('name', "The thread's own name, where it differs."),
  uid: optional('u32', 'User id of the process.'),
  cgroup_id: optional('count', 'cgroup v2 id of the process.'),
  executable: optional('name', 'Path of the program.'),
  command_line: optional('name', 'Arguments of the process.'),
  container_id: optional('name', 'Container of the process.'),
  container_runtime: optional('name', 'Runtime of the container.'),
  container_name: optional('name', 'Name of the container.'),
  pod_uid: optional('name', 'Kubernetes uid of the pod.'),
  pod_name: optional('name', 'Name of the pod.'),
  pod_namespace: optional('name', 'Kubernetes namespace of the pod.'),
  unit: optional('name', 'systemd unit of the process.'),
} as const satisfies Columns;

/** Payload and segments. Each table says of which span. */
const figureColumns = {
  bytes_sent: optional('count', 'Payload bytes that the peer acknowledged (UDP: sent).'),
  bytes_received: optional('count', 'Payload bytes that arrived.'),
  segments_sent: optional('count', 'TCP segments sent; datagrams of UDP.'),
  segments_received: optional('count', 'TCP segments received; datagrams of UDP.'),
  retransmits: optional('count', 'Retransmitted segments.'),
  srtt_us: optional('u32', 'Smoothed round-trip time, microseconds.'),
} as const satisfies Columns;

/** One row a connection that ended or failed; `time` is when. The figures are those of its whole existence. */
export const endColumns = {
  ...connectionColumns,
  event: oneOf(required('text', 'close, fail or udp_flow.'), 'close', 'fail', 'udp_flow'),
  cpu: optional('u16', 'CPU on which the kernel saw the end.'),
  duration_us: optional('count', 'Since connect or accept, microseconds.'),
  handshake_us: optional('count', 'SYN sent to established, microseconds.'),
  error: optional('text', 'errno name of a failed connect.'),
  ...figureColumns,
  closed_by: oneOf(
    optional('text', 'local, peer, reset, timeout, abort or idle.'),
    ...['local', 'peer', 'reset', 'timeout', 'abort', 'idle'],
  ),
  closing_us: optional('count', "From the application's close to the end, microseconds."),
  idle_us: optional('count', 'UDP: from the last datagram to the end, microseconds.'),
  subflows: optional('u32', 'MPTCP: TCP connections that carried it.'),
  accounted: oneOf(
    optional('text', 'How the accepting process was found: accept or listener.'),
    'accept',
    'listener',
  ),
  candidates: optional('u32', 'Processes that hold the listening socket, where more than one do.'),
  filter: oneOf(optional('text', 'undecided where a filter could not be decided.'), 'undecided'),
  interval_rows: required(
    'u32',
    'Rows of intervals about it, which together have its bytes; 0: only this row has them.',
  ),
} as const satisfies Columns;

/**
 * One row a minute and live connection that moved anything, and a last one when such a connection ends; `time` is the end of the
 * span. The figures are those of the span.
 */
export const intervalColumns = {
  ...connectionColumns,
  span_us: required('count', 'Length of the span, microseconds.'),
  ...figureColumns,
} as const satisfies Columns;

/**
 * Connections that a sweep found open; `time` is the sweep's. A full sweep has every open connection, one of changes has those that
 * are new since the sweep before. The figures are those up to then.
 */
export const openColumns = {
  ...connectionColumns,
  started: optional('time', 'When it was opened; NULL: before the collector began.'),
  state: optional('text', 'State of TCP.'),
  ...figureColumns,
} as const satisfies Columns;

/** What was lost; `time` is the end of the span in which that was. */
export const lossColumns = {
  host_id: optional('id', 'The host and its boot, as in hosts.'),
  time: required('time', 'End of the span in which it was lost.'),
  since: optional('time', 'Its beginning.'),
  count: optional('count', 'Events lost; NULL: not known how many.'),
  place: oneOf(
    required(
      'text',
      'Where: ring, map, probe, udp, missed (see docs/trace.md), collector (none ran), history (not stored).',
    ),
    ...['ring', 'map', 'probe', 'udp', 'missed', 'collector', 'history'],
  ),
  detail: optional('text', 'What more is known.'),
} as const satisfies Columns;

/** Hosts, a row for each boot. */
export const hostColumns = {
  host_id: required('id', 'Number of this host and boot.'),
  time: required('time', 'When it was first seen.'),
  name: required('name', 'Host name.'),
  machine_id: optional('text', '/etc/machine-id.'),
  boot_id: required('text', '/proc/sys/kernel/random/boot_id.'),
  kernel: optional('text', 'Version of the kernel.'),
} as const satisfies Columns;

/** Batches that were stored, as long as something depends on them. */
export const batchColumns = {
  host_id: required('id', 'The host and its boot, as in hosts.'),
  epoch: required('text', 'The run of the collector: 32 hexadecimal digits.'),
  number: required('count', 'Number of the batch in its epoch, from 1.'),
  started: required('time', 'When the epoch began, or the oldest rows that are kept of it.'),
  time: required('time', 'Up to here all events are in.'),
  monotonic_ns: required('clock', "The kernel's monotonic clock at that time."),
  sweep: oneOf(
    optional(
      'text',
      'full: its rows of opens are all that was open at `time`; changes: what is new since the last sweep.',
    ),
    ...['full', 'changes'],
  ),
  goodbye: required('flag', 'Whether the epoch ended in order with it.'),
} as const satisfies Columns;

/** All tables, by name. */
export const tables = {
  ends: endColumns,
  intervals: intervalColumns,
  opens: openColumns,
  losses: lossColumns,
  hosts: hostColumns,
  batches: batchColumns,
} as const satisfies Readonly<Record<string, Columns>>;

/** Name of a table. */
export type TableName = keyof typeof tables;

/** The columns of a table, in their order. */
export function columnsOf(table: TableName): readonly (readonly [name: string, column: Column])[] {
  return Object.entries(tables[table]);
}

/**
 * Tables that are copied to segments, an hour at a time. The others stay in the database file: they are small, and what was lost has
 * to be known for longer than the rows around it.
 */
export const segmentTables = ['ends', 'intervals', 'opens'] as const satisfies readonly TableName[];
/** Name of a table that is copied to segments. */
export type SegmentTable = (typeof segmentTables)[number];

/** A row of `ends`: a connection that ended or failed. */
export type EndRow = RowOf<typeof endColumns>;
/** A row of `intervals`: what a live connection moved in a span. */
export type IntervalRow = RowOf<typeof intervalColumns>;
/** A row of `opens`: a connection that a sweep found open. */
export type OpenRow = RowOf<typeof openColumns>;
/** A row of `losses`. */
export type LossRow = RowOf<typeof lossColumns>;
/** A row of `hosts`. */
export type HostRow = RowOf<typeof hostColumns>;
/** A row of `batches`. */
export type BatchRow = RowOf<typeof batchColumns>;
