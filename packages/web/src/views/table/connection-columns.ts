/** Columns of the table of connections. Pure. */
import type { ConnectionDetails, EndedConnection } from '../../api/api-types.js';
import { hostName } from '../../state/host-names.js';

/** How a value is shown. */
export type ColumnKind = 'time' | 'name' | 'bytes' | 'duration' | 'count' | 'number' | 'error' | 'ends';

/** A column. */
export interface ConnectionColumn {
  /** As in links and in files. */
  readonly id: string;
  readonly title: string;
  readonly kind: ColumnKind;
  /** CSS pixels. */
  readonly width: number;
  readonly value: (connection: EndedConnection) => string | number | undefined;
  /** The field by which a filter chooses its value. */
  readonly field?: string;
}

type Details = NonNullable<EndedConnection['process']>;

/** The port of the side that serves, as the history groups by it. */
export function servingPort({ direction, local, peer }: ConnectionDetails): number {
  if (direction === 'inbound') return local.port;
  return direction === 'outbound' ? peer.port : Math.min(local.port, peer.port);
}

const process =
  (name: keyof Details) =>
  ({ process: details }: EndedConnection) =>
    details?.[name];

/** All columns, in their order. */
export const connectionColumns: readonly ConnectionColumn[] = [
  { id: 'time', title: 'Ended', kind: 'time', width: 142, value: ({ time }) => time },
  {
    id: 'host',
    title: 'Host',
    kind: 'name',
    width: 110,
    value: ({ host }) => hostName(host),
    field: 'host',
  },
  { id: 'process', title: 'Process', kind: 'name', width: 124, value: process('comm'), field: 'process' },
  { id: 'pid', title: 'PID', kind: 'number', width: 72, value: process('pid'), field: 'pid' },
  {
    id: 'direction',
    title: 'Direction',
    kind: 'name',
    width: 84,
    value: (c) => c.direction,
    field: 'direction',
  },
  { id: 'local', title: 'Local', kind: 'name', width: 130, value: (c) => c.local.address, field: 'local' },
  {
    id: 'local_port',
    title: 'Local port',
    kind: 'number',
    width: 78,
    value: (c) => c.local.port,
    field: 'local_port',
  },
  { id: 'peer', title: 'Peer', kind: 'name', width: 150, value: (c) => c.peer.address, field: 'peer' },
  {
    ...{ id: 'peer_name', title: 'Peer name', kind: 'name', width: 160 },
    value: (c) => c.peer.name ?? c.peer.address,
    field: 'peer_name',
  },
  {
    ...{ id: 'peer_group', title: 'Network', kind: 'name', width: 120 },
    value: (c) => c.peer.group,
    field: 'peer_group',
  },
  {
    id: 'country',
    title: 'Country',
    kind: 'name',
    width: 72,
    value: (c) => c.peer.country,
    field: 'country',
  },
  { id: 'asn', title: 'AS', kind: 'number', width: 76, value: (c) => c.peer.asn, field: 'asn' },
  {
    ...{ id: 'as_org', title: 'AS organisation', kind: 'name', width: 160 },
    value: (c) => c.peer.as_org,
    field: 'as_org',
  },
  {
    id: 'peer_port',
    title: 'Peer port',
    kind: 'number',
    width: 78,
    value: (c) => c.peer.port,
    field: 'peer_port',
  },
  { id: 'port', title: 'Port', kind: 'number', width: 64, value: servingPort, field: 'port' },
  { id: 'service', title: 'Service', kind: 'name', width: 90, value: (c) => c.service, field: 'service' },
  { id: 'outcome', title: 'Outcome', kind: 'error', width: 132, value: outcomeOf },
  { id: 'error', title: 'Error', kind: 'name', width: 120, value: (c) => c.error, field: 'error' },
  {
    id: 'closed_by',
    title: 'Closed by',
    kind: 'name',
    width: 84,
    value: (c) => c.closed_by,
    field: 'closed_by',
  },
  { id: 'sent', title: 'Sent', kind: 'bytes', width: 80, value: (c) => c.bytes_sent },
  { id: 'received', title: 'Received', kind: 'bytes', width: 80, value: (c) => c.bytes_received },
  { id: 'duration', title: 'Duration', kind: 'duration', width: 84, value: (c) => c.duration_us },
  { id: 'handshake', title: 'Handshake', kind: 'duration', width: 82, value: (c) => c.handshake_us },
  { id: 'rtt', title: 'RTT', kind: 'duration', width: 76, value: (c) => c.srtt_us },
  { id: 'retransmits', title: 'Sent again', kind: 'count', width: 78, value: (c) => c.retransmits },
  {
    ...{ id: 'segments_sent', title: 'Segments sent', kind: 'count', width: 100 },
    value: (c) => c.segments_sent ?? c.datagrams_sent,
  },
  {
    ...{ id: 'segments_received', title: 'Segments received', kind: 'count', width: 120 },
    value: (c) => c.segments_received ?? c.datagrams_received,
  },
  {
    id: 'transport',
    title: 'Transport',
    kind: 'name',
    width: 76,
    value: (c) => c.network.transport,
    field: 'transport',
  },
  { id: 'family', title: 'Family', kind: 'name', width: 64, value: (c) => c.network.type, field: 'family' },
  { id: 'event', title: 'Event', kind: 'name', width: 76, value: (c) => c.event, field: 'event' },
  { id: 'uid', title: 'UID', kind: 'number', width: 60, value: process('uid'), field: 'uid' },
  {
    id: 'executable',
    title: 'Program',
    kind: 'name',
    width: 180,
    value: process('executable'),
    field: 'executable',
  },
  {
    ...{ id: 'command_line', title: 'Command line', kind: 'name', width: 240 },
    value: process('command_line'),
    field: 'command_line',
  },
  { id: 'unit', title: 'Unit', kind: 'name', width: 150, value: process('unit'), field: 'unit' },
  {
    ...{ id: 'container', title: 'Container', kind: 'name', width: 150 },
    value: ({ process: details }) => details?.container_name ?? details?.container_id,
    field: 'container',
  },
  { id: 'pod', title: 'Pod', kind: 'name', width: 180, value: podOf, field: 'pod' },
  {
    id: 'interface',
    title: 'Interface',
    kind: 'name',
    width: 84,
    value: (c) => c.interface,
    field: 'interface',
  },
  { id: 'netns', title: 'Namespace', kind: 'number', width: 100, value: (c) => c.netns, field: 'netns' },
  { id: 'flow_id', title: 'Flow id', kind: 'name', width: 150, value: (c) => c.flow_id },
  { id: 'connection_id', title: 'Connection id', kind: 'name', width: 150, value: (c) => c.connection_id },
];

function podOf({ process: details }: EndedConnection): string | undefined {
  const { pod_namespace, pod_name, pod_uid } = details ?? {};
  return pod_namespace !== undefined && pod_name !== undefined ? `${pod_namespace}/${pod_name}` : pod_uid;
}

/** How it ended: the error of what failed, else who closed it. */
export function outcomeOf({ event, error, closed_by }: EndedConnection): string | undefined {
  if (event === 'fail') return error ?? 'failed';
  return closed_by;
}

/** Whether it failed, or was cut. */
export function isBad({ event, closed_by }: EndedConnection): boolean {
  return event === 'fail' || closed_by === 'timeout';
}

/** The term's value for a column of a row: null where nothing is known. */
export function fieldValue(column: ConnectionColumn, connection: EndedConnection): string | number | null {
  return column.value(connection) ?? null;
}
