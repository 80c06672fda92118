/** Records in the shape of weaveworks/tcptracer-bpf's events. Pure. */
import type { ConnectionRecord, FdInstallRecord, TraceRecord } from './record.js';

/** One event, with the fields of tcptracer-bpf's TcpV4 and TcpV6. */
export interface TcpTracerEvent {
  /**
   * CLOCK_MONOTONIC in nanoseconds, as a number: exact until the machine has been up for 104 days (2^53 ns), then to
   * the next 2 ns.
   */
  readonly timestamp: number;
  /** CPU on which the kernel saw the event. */
  readonly cpu: number;
  readonly type: 'connect' | 'accept' | 'close' | 'fdinstall';
  /** Process id (tgid) in the initial pid namespace; 0 where no process is known. */
  readonly pid: number;
  /** The kernel's 15-byte command name; any byte but NUL may occur in it. */
  readonly comm: string;
  /** The local end, whichever side opened the connection. An fdinstall has `0.0.0.0` and port 0. */
  readonly saddr: string;
  readonly daddr: string;
  readonly sport: number;
  readonly dport: number;
  /** Inode of the network namespace; 0 where it is unknown. */
  readonly netns: number;
  /** The descriptor of an fdinstall; else 0. */
  readonly fd: number;
}

/** A connection over IPv4, also one of an IPv6 socket (::ffff:a.b.c.d); or an fdinstall, which has no family. */
export type TcpV4 = TcpTracerEvent;
/** A connection over IPv6. */
export type TcpV6 = TcpTracerEvent & { readonly type: 'connect' | 'accept' | 'close' };

/** The receiver of events. */
export interface TcpEventCallbacks {
  /** Called for each event of a connection over IPv4, and for each fdinstall. */
  tcpEventV4(event: TcpV4): void;
  /** Called for each event of a connection over IPv6. */
  tcpEventV6(event: TcpV6): void;
  /** That many events of either family were lost: all losses are reported here. */
  lostV4(count: number): void;
  /** Never called: the family of lost events is not known. It exists so that programs need not change. */
  lostV6(count: number): void;
}

/** Hands a record to its callback; a `fail`, which tcptracer-bpf does not report, to none. */
export function deliver(record: TraceRecord, callbacks: TcpEventCallbacks): void {
  switch (record.event) {
    case 'connect':
    case 'accept':
    case 'close':
      if (record.network.type === 'ipv4') callbacks.tcpEventV4(connectionEvent(record, record.event));
      else callbacks.tcpEventV6(connectionEvent(record, record.event));
      break;
    case 'fd_install':
      callbacks.tcpEventV4(fdInstallEvent(record));
      break;
    case 'lost':
      callbacks.lostV4(record.count);
      break;
    case 'fail':
    case 'udp_flow':
      break;
  }
}

function connectionEvent(record: ConnectionRecord, type: TcpV6['type']): TcpV6 {
  const { local, peer, process } = record;
  return {
    timestamp: record.monotonic_ns,
    cpu: record.cpu,
    type,
    pid: process?.pid ?? 0,
    comm: process?.comm ?? '',
    saddr: local.address,
    daddr: peer.address,
    sport: local.port,
    dport: peer.port,
    netns: record.netns,
    fd: 0,
  };
}

function fdInstallEvent({ monotonic_ns, cpu, process, netns = 0, fd }: FdInstallRecord): TcpV4 {
  return {
    timestamp: monotonic_ns,
    cpu,
    type: 'fdinstall',
    pid: process.pid,
    comm: process.comm,
    saddr: '0.0.0.0',
    daddr: '0.0.0.0',
    sport: 0,
    dport: 0,
    netns,
    fd,
  };
}
