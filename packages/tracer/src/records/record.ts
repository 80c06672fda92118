/**
 * The records a tracer delivers: one plain object an event, ready for JSON, with the field names that
 * `weir trace --json` prints. A field whose value is unknown is absent.
 */
import type { CloseFields } from './close-fields.js';

/** Events of TCP connections. */
export type TcpEventName = 'connect' | 'accept' | 'close' | 'fail';
/** Events of sockets. */
export type SocketEventName = TcpEventName | 'udp_flow';
/** Events that the kernel programs see. */
export type KernelEventName = SocketEventName | 'fd_install';
/** Every kind of record. */
export type EventName = KernelEventName | 'lost';

/** The process that an event belongs to, as the kernel knew it at that moment. */
export interface ProcessIdentity {
  /** Process id (the kernel's tgid) in the initial pid namespace. */
  readonly pid: number;
  /** Thread id. */
  readonly tid: number;
  /**
   * Command name of at most 15 bytes, as in /proc/PID/comm: that of the process's first thread. Any byte but NUL may occur in
   * it: escape before showing it. One that is not UTF-8 is a lone surrogate (`@weir/ebpf/byte-text`).
   */
  readonly comm: string;
  /** Real user id. */
  readonly uid: number;
}

/** The process of a connection or flow. Threads are not distinguished. */
export interface ConnectionProcess {
  /** Process id (the kernel's tgid) in the initial pid namespace. */
  readonly pid: number;
  /**
   * When it began, in clock ticks after boot, as field 22 of /proc/PID/stat: with `pid`, that names a process for good. Absent where
   * the process had ended before it was looked at.
   */
  readonly start_ticks?: number;
  /** Command name of at most 15 bytes, any but NUL: escape before showing it. */
  readonly comm?: string;
  /** User id. */
  readonly uid?: number;
}

/** One end of a connection. IPv4-mapped IPv6 addresses are given as IPv4. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

interface RecordBase {
  /** Wall-clock time, RFC 3339 with nanoseconds, in UTC. */
  readonly time: string;
  /** The kernel's CLOCK_MONOTONIC in nanoseconds. Records are delivered in this order. */
  readonly monotonic_ns: number;
}

/** Fields that all records about a TCP socket have. */
export interface SocketRecord extends RecordBase {
  /** CPU on which the kernel saw the event. */
  readonly cpu: number;
  /** Absent only where the peer ends a connection that is older than the tracer and no owner was found. */
  readonly process?: ProcessIdentity;
  /** The thread's own name, where it differs from the process's. Escape before showing it. */
  readonly thread?: string;
  /** Inode of the network namespace, as /proc/PID/ns/net shows it. */
  readonly netns: number;
  /** cgroup v2 id of `process`. */
  readonly cgroup_id?: number;
  readonly network: { readonly transport: 'tcp'; readonly type: 'ipv4' | 'ipv6' };
  readonly local: Endpoint;
  readonly peer: Endpoint;
  /** Absent on a connection that is older than the tracer. */
  readonly direction?: 'outbound' | 'inbound';
  /**
   * Number, in `netns`, of the interface that the socket is bound to, as those with link-local addresses are, or in a VRF; absent
   * where it is not bound, or the kernel does not show it.
   */
  readonly interface_index?: number;
  /** Its name. Any byte but `/`, `:`, NUL and spaces may occur in it: escape before showing it. */
  readonly interface?: string;
  /** The same on every record of one connection; unique on this host and boot. */
  readonly flow_id: string;
}

/** Fields of records about connections that are, or were, established. */
export interface EstablishedRecord extends SocketRecord {
  /**
   * Both initial sequence numbers, 16 lower-case hexadecimal digits, the lower number first: the same at both ends of a connection, on
   * whichever hosts they are, also through NAT. Ends of different connections have the same by chance only. Absent for MPTCP, and
   * where the kernel's fields or, of a connection that is older than the tracer, its direction are not known.
   */
  readonly connection_id?: string;
}

/** A connection this host opened is established. */
export interface ConnectRecord extends EstablishedRecord {
  readonly event: 'connect';
  /** SYN sent to established, microseconds; absent where the SYN was sent before the tracer started. */
  readonly handshake_us?: number;
}

/** A process took a connection from a listening socket. */
export interface AcceptRecord extends EstablishedRecord {
  readonly event: 'accept';
  /**
   * `accept` where the accepting process was seen, `listener` where `process` is one that holds the listening socket, and is
   * absent where none is known to.
   */
  readonly accounted: 'accept' | 'listener';
  /** The number of processes that hold the listening socket, or one of several on that port, where there are more than one. */
  readonly candidates?: number;
}

/** A connection attempt came to nothing. */
export interface FailRecord extends SocketRecord {
  readonly event: 'fail';
  /**
   * errno name, as connect() returned it. `ECANCELED`: the process gave up before the handshake was over. Absent where it is
   * not known: an attempt of MPTCP that found no route, or that connect() to AF_UNSPEC ended.
   */
  readonly error?: string;
  /** Since the SYN was sent, microseconds; absent where that was before the tracer started. */
  readonly duration_us?: number;
}

/** The kernel is done with a connection. */
export interface CloseRecord extends EstablishedRecord, CloseFields {
  readonly event: 'close';
}

/** A watched process gets a file descriptor: by open(), socket(), accept(), dup() …, or sent by another process. */
export interface FdInstallRecord extends RecordBase {
  readonly event: 'fd_install';
  /** CPU on which the kernel saw the event. */
  readonly cpu: number;
  readonly process: ProcessIdentity;
  /** The thread's own name, where it differs from the process's. Escape before showing it. */
  readonly thread?: string;
  /** Inode of the network namespace of `process`. */
  readonly netns?: number;
  /** cgroup v2 id of `process`. */
  readonly cgroup_id?: number;
  /** The number it gets in `process`. */
  readonly fd: number;
}

/** A UDP flow has been idle for the configured time, or its socket was closed. The record comes up to a second later. */
export interface UdpFlowRecord extends RecordBase {
  readonly event: 'udp_flow';
  /** The process that last sent or received; where UDP is counted by packets, the creator of the socket. */
  readonly process?: ConnectionProcess;
  /** Inode of the network namespace. */
  readonly netns?: number;
  /** cgroup v2 id of `process`. */
  readonly cgroup_id?: number;
  readonly network: { readonly transport: 'udp'; readonly type: 'ipv4' | 'ipv6' };
  readonly local: Endpoint;
  readonly peer: Endpoint;
  /** `outbound`: the first datagram was sent; `inbound`: it was received. */
  readonly direction?: 'outbound' | 'inbound';
  /** Number, in `netns`, of the interface that the socket is bound to, or of the link whose addresses it has. */
  readonly interface_index?: number;
  /** Its name. Escape before showing it. */
  readonly interface?: string;
  /** Unique on this host and boot. */
  readonly flow_id: string;
  /** First datagram to last, microseconds. */
  readonly duration_us: number;
  /** Payload bytes. */
  readonly bytes_sent: number;
  /** Payload bytes. */
  readonly bytes_received: number;
  readonly datagrams_sent: number;
  readonly datagrams_received: number;
  /** `local`: its socket was closed. */
  readonly closed_by: 'local' | 'idle';
  /** From the last datagram to `time`, microseconds. */
  readonly idle_us: number;
}

/** Events that could not be delivered. */
export interface LostRecord extends RecordBase {
  readonly event: 'lost';
  /** The number of events (for `udp`, of datagrams) since the last such record. */
  readonly count: number;
  /**
   * `ring`: the ring buffer was full; `map`: the connection table was full, so that a `connect` or a `fail` is missing; `probe`: the
   * kernel skipped a program; `udp`: the table of UDP flows was full; `missed`: the kernel ran no program, and counted nothing.
   */
  readonly where: 'ring' | 'map' | 'probe' | 'udp' | 'missed';
}

/** A record of an event of a TCP connection. */
export type ConnectionRecord = ConnectRecord | AcceptRecord | FailRecord | CloseRecord;
/** A record of an event from a kernel program. */
export type KernelRecord = ConnectionRecord | FdInstallRecord;
/** A record that is no event of a kernel program. */
export type OtherRecord = UdpFlowRecord | LostRecord;
/** A record of the event stream; `event` says which. */
export type TraceRecord = KernelRecord | OtherRecord;
