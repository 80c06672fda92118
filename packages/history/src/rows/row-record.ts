/** Rows as the objects that JSON shows: with the fields of records. Pure. */
import type { EndRow, IntervalRow, LossRow, OpenRow } from '../schema/index.js';
import { flowIdOf, idText, timeText } from './parts.js';

/** An end of a connection. */
export interface EndpointRecord {
  readonly address: string;
  readonly port: number;
  readonly name?: string;
  /** The group of networks that a peer's address is in. */
  readonly group?: string;
  /** The country of a peer. */
  readonly country?: string;
  /** The autonomous system of a peer. */
  readonly asn?: number;
  /** The organisation of that system. */
  readonly as_org?: string;
}

/** A process. */
export type ProcessRecord = Readonly<Partial<Record<(typeof processColumns)[number], string | number>>>;

/** A connection of the history; names are in the form that JSON shows. */
export interface RowRecord {
  /** Absent for one that is open. */
  readonly event?: string;
  readonly host: string;
  readonly time: string;
  readonly monotonic_ns: number;
  readonly process?: ProcessRecord;
  readonly network: { readonly transport: string; readonly type: string };
  readonly local: EndpointRecord;
  readonly peer: EndpointRecord;
  readonly direction?: string;
  readonly interface?: string;
  readonly state?: string;
  readonly started?: string;
  readonly bytes_sent?: number;
  readonly bytes_received?: number;
  readonly retransmits?: number;
  readonly srtt_us?: number;
  readonly send_rate?: number;
  readonly receive_rate?: number;
  readonly [other: string]: unknown;
}

/** A loss. */
export interface LossRecord {
  readonly since?: string;
  /** The end of the span in which it was. */
  readonly time: string;
  /** Absent where it is not known. */
  readonly count?: number;
  readonly where: string;
  readonly detail?: string;
  readonly host?: string;
}

/** Bytes a second. */
export interface Rates {
  readonly send_rate?: number;
  readonly receive_rate?: number;
}

const processColumns = [
  ...(['pid', 'tid', 'comm', 'uid', 'executable', 'command_line', 'container_id'] as const),
  ...(['container_runtime', 'container_name', 'pod_uid', 'pod_name', 'pod_namespace', 'unit'] as const),
];
const placeColumns = ['thread', 'netns', 'cgroup_id'] as const;
const socketColumns = ['service', 'direction', 'interface', 'interface_index'] as const;
const endColumns = ['duration_us', 'handshake_us', 'error'] as const;
const closeColumns = [
  ...(['closed_by', 'closing_us', 'idle_us', 'subflows', 'accounted', 'candidates', 'filter'] as const),
];

type Row = EndRow | OpenRow;
type Json = Record<string, unknown>;

/** The columns that have a value. */
function known<R extends object>(row: R, names: readonly (keyof R & string)[]): Json {
  const json: Json = {};
  for (const name of names) {
    const value = row[name];
    if (value !== undefined) json[name] = value;
  }
  return json;
}

function connection(row: Row, cpu?: number): Json {
  const { flow_ns, flow_cpu, connection_id } = row;
  const process = known(row, processColumns);
  return {
    host: idText(row.host_id),
    time: timeText(row.time),
    monotonic_ns: row.monotonic_ns,
    ...(cpu !== undefined && { cpu }),
    ...(Object.keys(process).length > 0 && { process }),
    ...known(row, placeColumns),
    network: { transport: row.transport, type: row.family },
    local: { address: row.local_address, port: row.local_port },
    peer: peerOf(row),
    ...known(row, socketColumns),
    ...(flow_ns !== undefined && flow_cpu !== undefined && { flow_id: flowIdOf({ flow_ns, flow_cpu }) }),
    ...(connection_id !== undefined && { connection_id: idText(connection_id) }),
  };
}

function peerOf(row: Row): EndpointRecord {
  const { peer_name, peer_group, peer_country, peer_asn, peer_as_org } = row;
  return {
    address: row.peer_address,
    port: row.peer_port,
    ...(peer_name !== undefined && { name: peer_name }),
    ...(peer_group !== undefined && { group: peer_group }),
    ...(peer_country !== undefined && { country: peer_country }),
    ...(peer_asn !== undefined && { asn: peer_asn }),
    ...(peer_as_org !== undefined && { as_org: peer_as_org }),
  };
}

function figures(row: Row | IntervalRow): Json {
  const unit = row.transport === 'udp' ? 'datagrams' : 'segments';
  const { segments_sent, segments_received } = row;
  return {
    ...known(row, ['bytes_sent', 'bytes_received']),
    ...(segments_sent !== undefined && { [`${unit}_sent`]: segments_sent }),
    ...(segments_received !== undefined && { [`${unit}_received`]: segments_received }),
    ...known(row, ['retransmits', 'srtt_us']),
  };
}

/** A connection that ended or failed. */
export function endRecord(row: EndRow): RowRecord {
  const json = {
    event: row.event,
    ...connection(row, row.cpu),
    ...known(row, endColumns),
    ...figures(row),
    ...known(row, closeColumns),
  };
  return json as Json as RowRecord;
}

/** A connection that was open. */
export function openRecord(row: OpenRow & Rates): RowRecord {
  const started = row.started === undefined ? {} : { started: timeText(row.started) };
  const rates = known(row, ['send_rate', 'receive_rate']);
  const values = { ...connection(row), ...started, ...known(row, ['state']), ...figures(row), ...rates };
  return values as Json as RowRecord;
}

/** What an end of a connection moved in a span. */
export interface IntervalRecord {
  readonly host: string;
  /** The end of the span. */
  readonly time: string;
  readonly span_us: number;
  readonly local: EndpointRecord;
  readonly flow_id?: string;
  readonly bytes_sent?: number;
  readonly bytes_received?: number;
  readonly retransmits?: number;
  readonly srtt_us?: number;
  readonly [other: string]: unknown;
}

/** What an end of a connection moved in a span. */
export function intervalRecord(row: IntervalRow): IntervalRecord {
  const { flow_ns, flow_cpu, span_us } = row;
  return {
    host: idText(row.host_id),
    time: timeText(row.time),
    span_us,
    local: { address: row.local_address, port: row.local_port },
    ...(flow_ns !== undefined && flow_cpu !== undefined && { flow_id: flowIdOf({ flow_ns, flow_cpu }) }),
    ...figures(row),
  };
}

/** A loss. */
export function lossRecord({ host_id, time, since, count, place, detail }: LossRow): LossRecord {
  return {
    ...(since !== undefined && { since: timeText(since) }),
    time: timeText(time),
    ...(count !== undefined && { count }),
    where: place,
    ...(detail !== undefined && { detail }),
    ...(host_id !== undefined && { host: idText(host_id) }),
  };
}
