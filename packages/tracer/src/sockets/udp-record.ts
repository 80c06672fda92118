/** The record of a UDP flow that has ended. Pure. */
import type { WallClock } from '../clock.js';
import type { UdpFlow } from '../connections/index.js';
import type { Endpoint } from '../record.js';
import type { UdpFlowEnd } from './udp-counter.js';

/** A UDP flow was idle, or its socket was closed. What is unknown is absent. */
export interface UdpFlowRecord {
  readonly event: 'udp_flow';
  /** Wall-clock time of the end (of an idle flow: of its last datagram), RFC 3339 with nanoseconds, in UTC. */
  readonly time: string;
  /** The same on the kernel's CLOCK_MONOTONIC, nanoseconds. These records are told some time after it. */
  readonly monotonic_ns: number;
  /** Who sent or received the first datagram; counted by packets: who made the socket. */
  readonly process?: NonNullable<UdpFlow['process']>;
  /** Inode of the network namespace. */
  readonly netns?: number;
  /** cgroup v2 id of `process`. */
  readonly cgroup_id?: number;
  readonly network: { readonly transport: 'udp'; readonly type: 'ipv4' | 'ipv6' };
  readonly local: Endpoint;
  readonly peer: Endpoint;
  /** `outbound`: the first datagram was sent. */
  readonly direction?: 'outbound' | 'inbound';
  readonly flow_id: string;
  /** First datagram to last, microseconds. */
  readonly duration_us: number;
  /** Payload. */
  readonly bytes_sent: number;
  readonly bytes_received: number;
  readonly datagrams_sent: number;
  readonly datagrams_received: number;
  readonly closed_by: 'local' | 'idle';
}

export function udpFlowRecord({ flow, closed_by, ended_ns }: UdpFlowEnd, clock: WallClock): UdpFlowRecord {
  const { process, netns, cgroup_id, direction, local } = flow;
  return {
    event: 'udp_flow',
    time: clock.format(ended_ns),
    monotonic_ns: ended_ns,
    ...(process !== undefined && { process }),
    ...(netns !== 0 && { netns }),
    ...(cgroup_id !== undefined && { cgroup_id }),
    network: { transport: 'udp', type: local.address.includes(':') ? 'ipv6' : 'ipv4' },
    local,
    peer: flow.peer,
    ...(direction !== undefined && { direction }),
    flow_id: flow.flow_id,
    duration_us: Math.round((flow.active_ns - flow.started_ns) / 1000),
    bytes_sent: flow.bytes_sent,
    bytes_received: flow.bytes_received,
    datagrams_sent: flow.datagrams_sent,
    datagrams_received: flow.datagrams_received,
    closed_by,
  };
}
