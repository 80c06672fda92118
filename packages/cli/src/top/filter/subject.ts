/** Items that a filter tests: live connections, sockets that wait for peers, and sums of ended connections. */
import type { Endpoint, OpenSocket } from '@weir/tracer';
import type { ProcessDetails } from '@weir/tracer/enrich';
import type { ColumnReaders } from '@weir/tracer/filter';
import type { Enrichment } from '../model/enrichment.js';
import { serviceName } from '../model/groups.js';
import type { ShownConnection } from '../model/shown-connection.js';

export type Subject = Pick<
  ShownConnection,
  | 'transport'
  | 'type'
  | 'netns'
  | 'local'
  | 'direction'
  | 'interface'
  | 'process'
  | 'bytes_sent'
  | 'bytes_received'
  | 'send_rate'
  | 'receive_rate'
  | 'retransmits'
> &
  Partial<
    Pick<
      ShownConnection,
      'cgroup_id' | 'flow_id' | 'srtt_us' | 'started_ns' | 'active_ns' | 'packets_sent' | 'packets_received'
    >
  > & {
    /** undefined for a socket without a peer. */
    readonly peer: Endpoint | undefined;
    /** The TCP state; `listen` or, for UDP, `open` for a socket that waits for peers. */
    readonly state: string | undefined;
  };

/** What a test needs besides its subject. */
export interface SubjectContext {
  readonly enrichment: Enrichment;
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly nowNs: number;
}

/** How subjects have the columns of filters. */
export function subjectColumns(): ColumnReaders<Subject, SubjectContext> {
  const details = rememberDetails();
  return {
    pid: ({ process }) => process?.pid,
    comm: ({ process }) => process?.comm,
    uid: ({ process }) => process?.uid,
    executable: (subject, context) => details(subject, context)?.executable,
    command_line: (subject, context) => details(subject, context)?.command_line,
    unit: (subject, context) => details(subject, context)?.unit,
    container_name: (subject, context) => details(subject, context)?.container_name,
    container_id: (subject, context) => details(subject, context)?.container_id,
    container_runtime: (subject, context) => details(subject, context)?.container_runtime,
    pod_name: (subject, context) => details(subject, context)?.pod_name,
    pod_namespace: (subject, context) => details(subject, context)?.pod_namespace,
    pod_uid: (subject, context) => details(subject, context)?.pod_uid,
    netns: ({ netns }) => netns,
    cgroup_id: ({ cgroup_id }) => cgroup_id,
    transport: ({ transport }) => transport,
    type: ({ type }) => type,
    local_address: ({ local }) => local.address,
    local_port: ({ local }) => local.port,
    peer_address: ({ peer }) => peer?.address,
    peer_port: ({ peer }) => peer?.port,
    peer_name: ({ peer }, { enrichment }) => peer && enrichment.peerName(peer.address),
    service: serviceOf,
    direction: ({ direction }) => direction,
    interface: (subject) => subject.interface,
    flow_id: ({ flow_id }) => flow_id,
    state: ({ state }) => state,
    bytes_sent: ({ bytes_sent }) => bytes_sent,
    bytes_received: ({ bytes_received }) => bytes_received,
    send_rate: ({ send_rate }) => send_rate,
    receive_rate: ({ receive_rate }) => receive_rate,
    segments_sent: ({ transport, packets_sent }) => (transport === 'tcp' ? packets_sent : undefined),
    segments_received: ({ transport, packets_received }) =>
      transport === 'tcp' ? packets_received : undefined,
    datagrams_sent: ({ transport, packets_sent }) => (transport === 'udp' ? packets_sent : undefined),
    datagrams_received: ({ transport, packets_received }) =>
      transport === 'udp' ? packets_received : undefined,
    retransmits: ({ retransmits }) => retransmits,
    srtt_us: ({ srtt_us }) => srtt_us,
    duration_us: ({ started_ns }, { nowNs }) => microsecondsBetween(started_ns, nowNs),
    idle_us: ({ active_ns }, { nowNs }) => microsecondsBetween(active_ns, nowNs),
  };
}

/** Details of a subject's process, which several columns of one row ask for. */
function rememberDetails(): (subject: Subject, context: SubjectContext) => ProcessDetails | undefined {
  let last: { readonly process: Subject['process']; readonly context: SubjectContext } | undefined;
  let found: ProcessDetails | undefined;
  return ({ process }, context) => {
    if (process === undefined) return undefined;
    if (last?.process !== process || last.context !== context) {
      last = { process, context };
      found = context.enrichment.process(process);
    }
    return found;
  };
}

function serviceOf(subject: Subject, { enrichment }: SubjectContext): string | undefined {
  const { peer, local, transport } = subject;
  return peer === undefined
    ? enrichment.service(local.port, transport)
    : serviceName({ ...subject, peer }, enrichment);
}

/** Clocks are read one after the other, so something can be a little later than `nowNs`. */
function microsecondsBetween(ns: number | undefined, nowNs: number): number | undefined {
  return ns === undefined ? undefined : Math.max(0, (nowNs - ns) / 1000);
}

/** A socket that waits for peers, as a filter sees it. */
export function socketSubject(socket: OpenSocket): Subject {
  const { transport, type, netns, local, peer, process } = socket;
  return {
    transport,
    type,
    netns,
    local,
    peer,
    process,
    direction: undefined,
    interface: socket.interface,
    state: transport === 'tcp' ? 'listen' : 'open',
    bytes_sent: 0,
    bytes_received: 0,
    send_rate: 0,
    receive_rate: 0,
    retransmits: 0,
  };
}
