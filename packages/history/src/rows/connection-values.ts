/** What rows of ends, intervals and opens have in common. Pure. */
import type { Connection, ConnectionProcess, ConnectionRecord, UdpFlowRecord } from '@weir/tracer';
import type { EnrichedRecord } from '@weir/tracer/enrich';
import type { OpenRow } from '../schema/index.js';
import { flowNumbers, nameValue } from './parts.js';

/** What a row says of its connection, its two ends and its process. */
export type ConnectionValues = Omit<
  OpenRow,
  'started' | 'state' | 'bytes_sent' | 'bytes_received' | 'segments_sent' | 'segments_received'
>;

/** Values while a row is made. */
export type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** A process as records and connections have it, with what was found about it. */
export type ProcessValues = Partial<ConnectionProcess> &
  NonNullable<EnrichedRecord['process']> & { readonly tid?: number };

/** Adds what is known of a process. */
export function setProcess(row: Writable<ConnectionValues>, process: ProcessValues): void {
  if (process.pid !== undefined) row.pid = process.pid;
  if (process.tid !== undefined) row.tid = process.tid;
  if (process.comm !== undefined) row.comm = nameValue(process.comm);
  if (process.uid !== undefined) row.uid = process.uid;
  // Each by its name: columns chosen in a loop make the engine keep the row as a hash table of four times the size.
  if (process.executable !== undefined) row.executable = nameValue(process.executable);
  if (process.command_line !== undefined) row.command_line = nameValue(process.command_line);
  if (process.container_id !== undefined) row.container_id = nameValue(process.container_id);
  if (process.container_runtime !== undefined) row.container_runtime = nameValue(process.container_runtime);
  if (process.container_name !== undefined) row.container_name = nameValue(process.container_name);
  if (process.pod_uid !== undefined) row.pod_uid = nameValue(process.pod_uid);
  if (process.pod_name !== undefined) row.pod_name = nameValue(process.pod_name);
  if (process.pod_namespace !== undefined) row.pod_namespace = nameValue(process.pod_namespace);
  if (process.unit !== undefined) row.unit = nameValue(process.unit);
}

/** The values that a record of a connection or flow has. @param time Nanoseconds since 1970. */
export function recordValues(
  record: (ConnectionRecord | UdpFlowRecord) & Pick<EnrichedRecord, 'service' | 'process'>,
  hostId: bigint,
  time: bigint,
): Writable<ConnectionValues> {
  const { network, local, peer, process } = record;
  const flow = flowNumbers(record.flow_id);
  const row: Writable<ConnectionValues> = {
    host_id: hostId,
    time,
    monotonic_ns: record.monotonic_ns,
    flow_ns: flow.flow_ns,
    flow_cpu: flow.flow_cpu,
    transport: network.transport,
    family: network.type,
    local_address: local.address,
    local_port: local.port,
    peer_address: peer.address,
    peer_port: peer.port,
  };
  if ('connection_id' in record && record.connection_id !== undefined)
    row.connection_id = BigInt(`0x${record.connection_id}`);
  if (record.netns !== undefined) row.netns = record.netns;
  if ('name' in peer && typeof peer.name === 'string') row.peer_name = nameValue(peer.name);
  if (record.service !== undefined) row.service = record.service;
  if (record.direction !== undefined) row.direction = record.direction;
  if (record.interface !== undefined) row.interface = nameValue(record.interface);
  if (record.interface_index !== undefined) row.interface_index = record.interface_index;
  if ('thread' in record && record.thread !== undefined) row.thread = nameValue(record.thread);
  if (record.cgroup_id !== undefined) row.cgroup_id = record.cgroup_id;
  if (process !== undefined) setProcess(row, process);
  return row;
}

/** What was found about a live connection. */
export interface LiveDetails {
  readonly process?: ProcessValues | undefined;
  readonly service?: string | undefined;
  readonly peerName?: string | undefined;
}

/** The values that a live connection has at a moment. */
export function liveValues(
  connection: Connection,
  hostId: bigint,
  moment: { readonly time: bigint; readonly monotonicNs: number },
  details: LiveDetails = {},
): Writable<ConnectionValues> {
  const { local, peer } = connection;
  const row: Writable<ConnectionValues> = {
    host_id: hostId,
    time: moment.time,
    monotonic_ns: moment.monotonicNs,
    transport: connection.transport,
    family: connection.type,
    netns: connection.netns,
    local_address: local.address,
    local_port: local.port,
    peer_address: peer.address,
    peer_port: peer.port,
  };
  if (connection.flow_id !== undefined) Object.assign(row, flowNumbers(connection.flow_id));
  if (details.peerName !== undefined) row.peer_name = nameValue(details.peerName);
  if (details.service !== undefined) row.service = details.service;
  if (connection.direction !== undefined) row.direction = connection.direction;
  if (connection.interface !== undefined) row.interface = nameValue(connection.interface);
  if (connection.interface_index !== 0) row.interface_index = connection.interface_index;
  if (connection.cgroup_id !== undefined) row.cgroup_id = connection.cgroup_id;
  if (connection.process !== undefined) setProcess(row, { ...connection.process, ...details.process });
  return row;
}
