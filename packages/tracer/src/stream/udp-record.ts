/** The record of a UDP flow that has ended. Pure. */

import type { UdpFlowRecord } from '../records/record.js';
import type { UdpFlowEnd } from '../sockets/udp-counter.js';
import type { WallClock } from './clock.js';

/** @param nowNs The time of the record: CLOCK_MONOTONIC, nanoseconds. */
export function udpFlowRecord(
  { flow, closed_by }: Pick<UdpFlowEnd, 'flow' | 'closed_by'>,
  clock: WallClock,
  nowNs: number,
): UdpFlowRecord {
  const { process, netns, cgroup_id, direction, interface_index, local } = flow;
  return {
    event: 'udp_flow',
    time: clock.format(nowNs),
    monotonic_ns: nowNs,
    ...(process !== undefined && { process }),
    ...(netns !== 0 && { netns }),
    ...(cgroup_id !== undefined && { cgroup_id }),
    network: { transport: 'udp', type: local.address.includes(':') ? 'ipv6' : 'ipv4' },
    local,
    peer: flow.peer,
    ...(direction !== undefined && { direction }),
    ...(interface_index !== undefined && { interface_index }),
    ...(flow.interface !== undefined && { interface: flow.interface }),
    flow_id: flow.flow_id,
    duration_us: Math.round((flow.active_ns - flow.started_ns) / 1000),
    bytes_sent: flow.bytes_sent,
    bytes_received: flow.bytes_received,
    datagrams_sent: flow.datagrams_sent,
    datagrams_received: flow.datagrams_received,
    closed_by,
    // The flow may have ended while the records before it were read.
    idle_us: Math.max(0, Math.round((nowNs - flow.active_ns) / 1000)),
  };
}
