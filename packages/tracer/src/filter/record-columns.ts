/** The columns of records, and filters over them. */

import { type ColumnReaders, type PredicateOptions, predicateOver } from './predicate.js';
import type { Filter } from './tree.js';

/** What filters read of a record; records of all kinds, enriched or not, fit. */
export interface FilterableRecord {
  readonly event?: string;
  readonly cpu?: number;
  readonly process?: {
    readonly pid?: number;
    readonly tid?: number;
    readonly comm?: string;
    readonly uid?: number;
    readonly executable?: string;
    readonly command_line?: string;
    readonly unit?: string;
    readonly container_name?: string;
    readonly container_id?: string;
    readonly container_runtime?: string;
    readonly pod_name?: string;
    readonly pod_namespace?: string;
    readonly pod_uid?: string;
  };
  readonly thread?: string;
  readonly netns?: number;
  readonly cgroup_id?: number;
  readonly network?: { readonly transport: string; readonly type: string };
  readonly local?: { readonly address?: string; readonly port?: number };
  readonly peer?: {
    readonly address?: string;
    readonly port?: number;
    readonly name?: string;
    readonly group?: string;
    readonly country?: string;
    readonly asn?: number;
    readonly as_org?: string;
  };
  readonly service?: string;
  readonly direction?: string;
  readonly interface?: string;
  readonly flow_id?: string;
  readonly connection_id?: string;
  readonly accounted?: string;
  readonly candidates?: number;
  readonly error?: string;
  readonly closed_by?: string;
  readonly bytes_sent?: number;
  readonly bytes_received?: number;
  readonly segments_sent?: number;
  readonly segments_received?: number;
  readonly datagrams_sent?: number;
  readonly datagrams_received?: number;
  readonly retransmits?: number;
  readonly subflows?: number;
  readonly srtt_us?: number;
  readonly handshake_us?: number;
  readonly duration_us?: number;
  readonly closing_us?: number;
  readonly idle_us?: number;
  readonly fd?: number;
}

/** How records have the columns of filters. */
export const recordColumns: ColumnReaders<FilterableRecord, void> = {
  event: (record) => record.event,
  cpu: (record) => record.cpu,
  pid: (record) => record.process?.pid,
  tid: (record) => record.process?.tid,
  comm: (record) => record.process?.comm,
  thread: (record) => record.thread,
  uid: (record) => record.process?.uid,
  executable: (record) => record.process?.executable,
  command_line: (record) => record.process?.command_line,
  unit: (record) => record.process?.unit,
  container_name: (record) => record.process?.container_name,
  container_id: (record) => record.process?.container_id,
  container_runtime: (record) => record.process?.container_runtime,
  pod_name: (record) => record.process?.pod_name,
  pod_namespace: (record) => record.process?.pod_namespace,
  pod_uid: (record) => record.process?.pod_uid,
  netns: (record) => record.netns,
  cgroup_id: (record) => record.cgroup_id,
  transport: (record) => record.network?.transport,
  type: (record) => record.network?.type,
  local_address: (record) => record.local?.address,
  local_port: (record) => record.local?.port,
  peer_address: (record) => record.peer?.address,
  peer_port: (record) => record.peer?.port,
  peer_name: (record) => record.peer?.name,
  peer_group: (record) => record.peer?.group,
  peer_country: (record) => record.peer?.country,
  peer_asn: (record) => record.peer?.asn,
  peer_as_org: (record) => record.peer?.as_org,
  service: (record) => record.service,
  direction: (record) => record.direction,
  interface: (record) => record.interface,
  flow_id: (record) => record.flow_id,
  connection_id: (record) => record.connection_id,
  accounted: (record) => record.accounted,
  candidates: (record) => record.candidates,
  error: (record) => record.error,
  closed_by: (record) => record.closed_by,
  bytes_sent: (record) => record.bytes_sent,
  bytes_received: (record) => record.bytes_received,
  segments_sent: (record) => record.segments_sent,
  segments_received: (record) => record.segments_received,
  datagrams_sent: (record) => record.datagrams_sent,
  datagrams_received: (record) => record.datagrams_received,
  retransmits: (record) => record.retransmits,
  subflows: (record) => record.subflows,
  srtt_us: (record) => record.srtt_us,
  handshake_us: (record) => record.handshake_us,
  duration_us: (record) => record.duration_us,
  closing_us: (record) => record.closing_us,
  idle_us: (record) => record.idle_us,
  fd: (record) => record.fd,
};

/** Compiles a filter to a function of records. A record of losses is filtered as any other: let it pass before. */
export function filterPredicate(
  filter: Filter,
  options: PredicateOptions = {},
): (record: FilterableRecord) => boolean {
  const test = predicateOver(filter, recordColumns, options);
  return (record) => test(record);
}
