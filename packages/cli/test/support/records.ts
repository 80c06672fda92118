/** Sample records for tests. */
import type {
  AcceptRecord,
  CloseRecord,
  ConnectRecord,
  FailRecord,
  FdInstallRecord,
  LostRecord,
  SocketRecord,
  UdpFlowRecord,
} from '@weir/tracer';
import type { EnrichedRecord } from '@weir/tracer/enrich';

const base = {
  time: '2026-03-04T05:06:07.123456789Z',
  monotonic_ns: 1_234_567_890,
  cpu: 1,
  process: { pid: 4242, tid: 4243, comm: 'curl', uid: 1000 },
  netns: 4_026_531_840,
  cgroup_id: 77,
  network: { transport: 'tcp', type: 'ipv4' },
  local: { address: '10.0.0.5', port: 40_000 },
  peer: { address: '192.0.2.1', port: 443 },
  direction: 'outbound',
  flow_id: '00c0ffee',
} as const satisfies SocketRecord;

export function connect(changes: Partial<ConnectRecord> = {}): ConnectRecord {
  return { event: 'connect', ...base, handshake_us: 12_345, ...changes };
}

export function accept(changes: Partial<AcceptRecord> = {}): AcceptRecord {
  return { event: 'accept', ...base, direction: 'inbound', accounted: 'accept', ...changes };
}

export function fail(changes: Partial<FailRecord> = {}): FailRecord {
  return { event: 'fail', ...base, error: 'ECONNREFUSED', duration_us: 85, ...changes };
}

export function close(changes: Partial<CloseRecord> = {}): CloseRecord {
  return {
    event: 'close',
    ...base,
    duration_us: 1_520_000,
    bytes_sent: 517,
    bytes_received: 1_234_567,
    segments_sent: 9,
    segments_received: 12,
    retransmits: 0,
    srtt_us: 850,
    closed_by: 'local',
    closing_us: 40,
    ...changes,
  };
}

export function udpFlow(changes: Partial<UdpFlowRecord> = {}): UdpFlowRecord {
  const { cpu: _, process, ...rest } = base;
  return {
    event: 'udp_flow',
    ...rest,
    process: { pid: process.pid, comm: process.comm, uid: process.uid },
    network: { transport: 'udp', type: 'ipv4' },
    peer: { address: '192.0.2.53', port: 53 },
    duration_us: 850,
    bytes_sent: 40,
    bytes_received: 1234,
    datagrams_sent: 1,
    datagrams_received: 2,
    closed_by: 'idle',
    idle_us: 30_250_000,
    ...changes,
  };
}

export function fdInstall(changes: Partial<FdInstallRecord> = {}): FdInstallRecord {
  const { time, monotonic_ns, cpu, process, netns, cgroup_id } = base;
  return { event: 'fd_install', time, monotonic_ns, cpu, process, netns, cgroup_id, fd: 12, ...changes };
}

/** With all that can be added. */
export function enriched(changes: Partial<ConnectRecord> = {}): EnrichedRecord {
  const record = connect(changes);
  return {
    ...record,
    process: {
      ...record.process!,
      executable: '/usr/bin/curl',
      command_line: 'curl -s https://example.com/a,b',
      container_id: '0123456789abcdef'.repeat(4),
      container_runtime: 'docker',
      container_name: 'web',
      pod_uid: '6a4eb8e0-51a8-4e7e-9a4c-3b6a2f4f9a11',
      pod_name: 'web-0',
      pod_namespace: 'shop',
      unit: 'docker.service',
    },
    service: 'https',
    peer: { ...record.peer, name: 'example.com' },
  };
}

export function lost(changes: Partial<LostRecord> = {}): LostRecord {
  return {
    event: 'lost',
    time: base.time,
    monotonic_ns: base.monotonic_ns,
    count: 37,
    where: 'ring',
    ...changes,
  };
}

const ipv6 = { network: { transport: 'tcp', type: 'ipv6' } } as const;
/** The longest that an endpoint can be: 47 columns. */
export const longIpv6 = {
  ...ipv6,
  local: { address: '2001:0db8:85a3:1111:2222:8a2e:0370:7334', port: 54_321 },
  peer: { address: 'fd00:aaaa:bbbb:cccc:dddd:eeee:ffff:0001', port: 65_535 },
} as const;
export const shortIpv6 = {
  ...ipv6,
  local: { address: '::1', port: 54_321 },
  peer: { address: '2001:db8::a:b:c:d', port: 443 },
} as const;
