/** Live connections, and their records, for tests. */
import type { CloseRecord, Connection, ConnectRecord } from '@weir/tracer';
import type { figureNames } from '../../src/collector/figures.js';

/** A connection whose figures a test changes. */
export type Simulated = { -readonly [Name in keyof Connection]: Connection[Name] };

const flowId = (id: number): string => `${id.toString(16).padStart(15, '0')}.0`;

/** A connection without payload. */
export function simulated(id: number, startedNs: number): Simulated {
  return {
    ...{ id, flow_id: flowId(id), transport: 'tcp', type: 'ipv4', netns: 1, direction: 'outbound' },
    local: { address: '127.0.0.1', port: 10_000 + id },
    peer: { address: '127.0.0.1', port: 80 },
    ...{ interface_index: 0, interface: undefined, state: 'established', process: { pid: 1, comm: 'test' } },
    ...{ cgroup_id: undefined, inode: 1, started_ns: startedNs, active_ns: startedNs },
    ...{ bytes_sent: 0, bytes_received: 0, packets_sent: 3, packets_received: 2 },
    ...{ send_rate: 0, receive_rate: 0, retransmits: 0, srtt_us: undefined },
  };
}

/** Its connect record. */
export function connectRecord(connection: Simulated): ConnectRecord {
  return { ...base(connection, connection.started_ns ?? 0), event: 'connect', handshake_us: 123 };
}

/** Its close record. */
export function closeRecord(connection: Simulated, atNs: number): CloseRecord {
  const { bytes_sent, bytes_received, packets_sent, packets_received, retransmits } = connection;
  const figures = { bytes_sent, bytes_received, retransmits };
  return {
    ...{ ...base(connection, atNs), event: 'close', closed_by: 'local', ...figures },
    ...{ segments_sent: packets_sent, segments_received: packets_received },
  };
}

/** A figure as rows of intervals name it. */
export function figureOf(connection: Simulated, name: (typeof figureNames)[number]): number {
  if (name === 'segments_sent') return connection.packets_sent;
  if (name === 'segments_received') return connection.packets_received;
  return connection[name];
}

function base({ id, netns, local, peer }: Simulated, monotonicNs: number) {
  return {
    ...{ time: '2026-11-26T14:00:00.000000000Z', monotonic_ns: monotonicNs, cpu: 0, netns, local, peer },
    network: { transport: 'tcp', type: 'ipv4' } as const,
    direction: 'outbound' as const,
    flow_id: flowId(id),
  };
}
