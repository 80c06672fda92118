/** A live connection, as the table shows it. */
import type { ConnectionProcess, Endpoint } from '../records/record.js';
import type { TcpStateName } from '../sockets/index.js';

/**
 * A TCP connection or a UDP flow that is live. The object stays the same while the connection lives, and its values change
 * with each refresh: copy values that you keep, or see {@link plainConnection}.
 */
export interface Connection {
  /** A number of its own, never given again. */
  readonly id: number;
  /** As in records; undefined while no event has named it. */
  readonly flow_id: string | undefined;
  readonly transport: 'tcp' | 'udp';
  readonly type: 'ipv4' | 'ipv6';
  /** Inode of the network namespace. */
  readonly netns: number;
  readonly local: Endpoint;
  readonly peer: Endpoint;
  /** undefined: not known, or not yet. */
  readonly direction: 'outbound' | 'inbound' | undefined;
  /** Number, in `netns`, of the interface that its socket is bound to, or whose link-local addresses it has; 0: none. */
  readonly interface_index: number;
  /** Its name, once it is known: escape before showing it. */
  readonly interface: string | undefined;
  /** undefined: UDP, which has none; or its network namespace is out of sight. */
  readonly state: TcpStateName | undefined;
  /** The process that connected or accepted it, or that has its socket. */
  readonly process: ConnectionProcess | undefined;
  /** cgroup v2 id of `process`, where an event contained it. */
  readonly cgroup_id: number | undefined;
  /** Inode of the socket, as /proc/PID/fd shows it; 0: not known, or no process has the socket any more. */
  readonly inode: number;
  /** CLOCK_MONOTONIC, nanoseconds: SYN sent, accepted, or first datagram; undefined if that was before the start. */
  readonly started_ns: number | undefined;
  /** CLOCK_MONOTONIC, nanoseconds: when payload was last seen to have moved, or it was first seen. */
  readonly active_ns: number;
  /** Payload bytes, as of the last refresh; for TCP, those that the peer acknowledged. */
  readonly bytes_sent: number;
  /** Payload bytes, as of the last refresh; for TCP, those that arrived in order. */
  readonly bytes_received: number;
  /** Segments, or datagrams. */
  readonly packets_sent: number;
  /** Segments, or datagrams. */
  readonly packets_received: number;
  /** Bytes a second between the last two refreshes. */
  readonly send_rate: number;
  /** Bytes a second between the last two refreshes. */
  readonly receive_rate: number;
  /** Retransmitted segments; 0 for UDP. */
  readonly retransmits: number;
  /** Smoothed RTT, microseconds; undefined where there is none yet. */
  readonly srtt_us: number | undefined;
}

/** A TCP connection whose beginning a record has reported to an earlier process, and whose end none has. */
export interface BegunConnection
  extends Pick<
    Connection,
    'netns' | 'local' | 'peer' | 'direction' | 'interface_index' | 'process' | 'cgroup_id'
  > {
  readonly flow_id: string;
  /** CLOCK_MONOTONIC, nanoseconds: SYN sent, or accepted. */
  readonly started_ns: number;
}

/** Finds the process of a socket. */
export interface FindProcess {
  /**
   * @param known The process that had it so far; it is returned if it still has it, as far as that is known.
   * @param knownNs When `known` had it: CLOCK_MONOTONIC, nanoseconds. A process that began later is another one.
   * @returns `known` where nobody else is known to have the socket.
   */
  (inode: number, known: ConnectionProcess | undefined, knownNs?: number): ConnectionProcess | undefined;
  /** While the version stays the same, and a process is the same, it needs no second look. Default: it is never the same. */
  readonly version?: number;
  /** Whether a process runs on as it was. Default: no. */
  isSame?(process: ConnectionProcess): boolean;
  /** Completes a process that an event named: to be called soon after that. */
  identify?(process: ConnectionProcess, knownNs: number): ConnectionProcess;
  /** Whether this process has a socket, as far as the last look at descriptors showed. Default: no, so it is asked for. */
  hasSocket?(inode: number, process: ConnectionProcess): boolean;
  /** Whether any process has a socket, as far as the last look at descriptors showed. Default: not known, as if none had. */
  holds?(inode: number): boolean;
  /** Forgets what was read of processes for the last refresh. */
  beginRefresh?(): void;
}

/** A connection's end. `vanished`: its socket is gone, and no event reported the reason. */
export interface EndedConnection {
  /** With its final figures. */
  readonly connection: Connection;
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly ended_ns: number;
  /** `idle`: a UDP flow without datagrams for `udpIdleMs`. Otherwise as in close records, or `vanished`. */
  readonly closed_by: 'local' | 'peer' | 'reset' | 'timeout' | 'abort' | 'idle' | 'vanished';
}

/** A connection as `weir top --json` prints it: names and units as in records; unknown values are absent. */
export interface PlainConnection {
  readonly flow_id?: string;
  readonly network: { readonly transport: 'tcp' | 'udp'; readonly type: 'ipv4' | 'ipv6' };
  readonly netns: number;
  readonly local: Endpoint;
  readonly peer: Endpoint;
  readonly direction?: 'outbound' | 'inbound';
  readonly interface?: string;
  readonly state?: TcpStateName;
  readonly process?: ConnectionProcess;
  readonly cgroup_id?: number;
  /** Microseconds since `started_ns`. */
  readonly age_us?: number;
  /** Microseconds since `active_ns`. */
  readonly idle_us: number;
  readonly bytes_sent: number;
  readonly bytes_received: number;
  readonly send_rate: number;
  readonly receive_rate: number;
  readonly packets_sent: number;
  readonly packets_received: number;
  readonly retransmits?: number;
  readonly srtt_us?: number;
}

/**
 * A copy of a connection as it is at a moment, with plain values only.
 *
 * @param nowNs CLOCK_MONOTONIC, nanoseconds.
 */
export function plainConnection(connection: Connection, nowNs: number): PlainConnection {
  const { flow_id, direction, state, process, cgroup_id, started_ns, srtt_us } = connection;
  return {
    ...(flow_id !== undefined && { flow_id }),
    network: { transport: connection.transport, type: connection.type },
    netns: connection.netns,
    local: connection.local,
    peer: connection.peer,
    ...(direction !== undefined && { direction }),
    ...(connection.interface !== undefined && { interface: connection.interface }),
    ...(state !== undefined && { state }),
    ...(process !== undefined && { process: plainProcess(process) }),
    ...(cgroup_id !== undefined && { cgroup_id }),
    ...(started_ns !== undefined && { age_us: microseconds(nowNs - started_ns) }),
    idle_us: microseconds(nowNs - connection.active_ns),
    bytes_sent: connection.bytes_sent,
    bytes_received: connection.bytes_received,
    send_rate: Math.round(connection.send_rate),
    receive_rate: Math.round(connection.receive_rate),
    packets_sent: connection.packets_sent,
    packets_received: connection.packets_received,
    ...(connection.transport === 'tcp' && { retransmits: connection.retransmits }),
    ...(srtt_us !== undefined && { srtt_us }),
  };
}

/** A copy of a connection that later refreshes leave as it is. */
export function copyConnection(connection: Connection): Connection {
  const { id, flow_id, transport, type, netns, local, peer, direction, interface_index } = connection;
  const { state, process, cgroup_id, inode, started_ns, active_ns } = connection;
  const { bytes_sent, bytes_received, packets_sent, packets_received } = connection;
  const { send_rate, receive_rate, retransmits, srtt_us } = connection;
  return {
    ...{ id, flow_id, transport, type, netns, local, peer, direction, interface_index },
    ...{ interface: connection.interface, state, process, cgroup_id, inode, started_ns, active_ns },
    ...{ bytes_sent, bytes_received, packets_sent, packets_received },
    ...{ send_rate, receive_rate, retransmits, srtt_us },
  };
}

/** A process as records have it. */
export function plainProcess(process: ConnectionProcess): ConnectionProcess {
  const { start_ticks: _, ...plain } = process;
  return plain;
}

/** Clocks are read one after the other, so an event can be a little later than `nowNs`. */
function microseconds(ns: number): number {
  return Math.max(0, Math.round(ns / 1000));
}
