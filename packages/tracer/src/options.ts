/**
 * Options of a tracer. Filters run in the kernel, except for UDP flows, which are counted first. The values of one filter
 * are alternatives; different filters must all pass.
 */
import type { Btf, FeatureTable } from '@weir/ebpf';
import type { AcceptHook } from './hooks/accept-hooks.js';
import type { KernelEventName, SocketEventName } from './records/record.js';

/** A range of ports, 0 to 65535, that includes both ends. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/** Which records are wanted. Fields that are absent or empty let everything pass. */
export interface TraceFilter {
  /** Process ids (tgid) of the processes that have them at the start, not of later ones that get them (Linux 5.3). */
  readonly pids?: readonly number[];
  /** Command names as in /proc/PID/comm, at most 15 bytes each. */
  readonly comms?: readonly string[];
  /** Real user ids. */
  readonly uids?: readonly number[];
  /** Inodes of network namespaces. */
  readonly netns?: readonly number[];
  /** cgroup v2 ids. Only processes directly in one of these match. */
  readonly cgroupIds?: readonly number[];
  /** Ports of either end. */
  readonly ports?: readonly PortRange[];
  /** Ports of this host's end. */
  readonly localPorts?: readonly PortRange[];
  /** Ports of the other end. */
  readonly peerPorts?: readonly PortRange[];
  /** CIDR prefixes of either end: `10.0.0.0/8`, `2001:db8::/32`, `192.0.2.1`. */
  readonly addresses?: readonly string[];
  /** CIDR prefixes of this host's end. */
  readonly localAddresses?: readonly string[];
  /** CIDR prefixes of the other end. */
  readonly peerAddresses?: readonly string[];
  readonly direction?: 'inbound' | 'outbound';
  readonly events?: readonly SocketEventName[];
}

/** Options of UDP flows. */
export interface UdpOptions {
  /** A flow ends after this time without datagrams. Milliseconds above 0; default 30,000. */
  readonly idleMs?: number;
}

/** Options of {@link Tracer.start}. */
export interface TracerOptions {
  readonly filter?: TraceFilter;
  /** Hook TCP connections. Default true. */
  readonly tcp?: boolean;
  /**
   * Count UDP, by hooks on sending and receiving, and report each flow when it is over. Default false. The
   * hooks are attached only if the filter passes `udp_flow`. Live connections have hooks and counts of their
   * own. Needs trampolines (5.5), kprobes, or cgroup v2 on Linux 5.9.
   */
  readonly udp?: boolean | UdpOptions;
  /** Report connections over IPv6. Default true. IPv4 through IPv6 sockets counts as IPv4. */
  readonly ipv6?: boolean;
  /** Ring buffer size in bytes, 1 to 2^30, rounded up to a power of two and a page. Default 8 MiB. */
  readonly ringBytes?: number;
  /**
   * The number of connections, and of UDP flows, that can be followed at the same time, 1 to 2^24. Default
   * 65,536.
   */
  readonly maxConnections?: number;
  /** Make `close` records at the application's close(), with the counters so far. Default false. */
  readonly promptClose?: boolean;
  /**
   * Wake up for each event, so that its record comes at once. Otherwise it comes up to 200 ms later while little happens.
   * Costs CPU time under load. Default false.
   */
  readonly immediate?: boolean;
  /**
   * Keep events in the ring until {@link Tracer.commit}, so that another process can read on if this one dies: see {@link Tracer.held}.
   * Needs ring buffers (5.8); without effect before. Default false.
   */
  readonly resumable?: boolean;
  /**
   * Types of the running kernel. Default: /sys/kernel/btf/vmlinux, and where the kernel has none, discovered types.
   * `discover` requires a discovery.
   */
  readonly btf?: Btf | 'discover';
  /** Features of the kernel. Default: those that are probed. */
  readonly features?: FeatureTable;
  /** Require one way to see accepts; default: the best that this kernel offers. */
  readonly acceptHook?: AcceptHook;
  /** Stops the tracer when aborted. */
  readonly signal?: AbortSignal;
}

/** Counts since the start. `produced` = delivered + lost in the ring, to the event, once the tracer has stopped. */
export interface TracerStats {
  /** Events that the kernel programs produced, by kind. */
  readonly produced: Readonly<Record<KernelEventName, number>>;
  /** Records handed to the consumer, by kind. */
  readonly delivered: Readonly<Record<KernelEventName, number>>;
  readonly lost: {
    /** Events for which the ring had no room. */
    readonly ring: number;
    /** Connections that the connection table had no room for. */
    readonly map: number;
    /** Program runs that the kernel skipped (recursion, no kretprobe instance). */
    readonly probe: number;
    /** Datagrams that the table of UDP flows had no room for. */
    readonly udp: number;
    /**
     * Changes of a connection's state for which the kernel ran no program, and counted nothing: they are found by what they
     * left behind. On most kernels there are none.
     */
    readonly missed: number;
  };
  /** Records that were older than one that had already been delivered. */
  readonly inversions: number;
  /** Connections that are followed at this moment. */
  readonly connections: number;
}
