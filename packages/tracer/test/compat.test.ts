/** Records as tcptracer-bpf's events. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deliver, type TcpEventCallbacks } from '../src/records/compat-event.js';
import type { ConnectionRecord, TraceRecord } from '../src/records/record.js';

const connection = {
  time: '2026-03-04T05:06:07.123456789Z',
  monotonic_ns: 48_704_147_610_580,
  cpu: 3,
  process: { pid: 42, tid: 43, comm: 'nc', uid: 1000 },
  netns: 4_026_532_567,
  local: { address: '127.0.0.1', port: 52_414 },
  peer: { address: '127.0.0.2', port: 61_111 },
  flow_id: '1.0',
} as const;
const ipv4 = { ...connection, network: { transport: 'tcp', type: 'ipv4' } } as const;
const ipv6 = { ...connection, network: { transport: 'tcp', type: 'ipv6' } } as const;

const common = {
  timestamp: 48_704_147_610_580,
  cpu: 3,
  pid: 42,
  comm: 'nc',
  saddr: '127.0.0.1',
  daddr: '127.0.0.2',
  sport: 52_414,
  dport: 61_111,
  netns: 4_026_532_567,
  fd: 0,
};

/** The calls that records lead to. */
function calls(...records: TraceRecord[]): unknown[] {
  const made: unknown[] = [];
  const note = (name: string) => (value: unknown) => made.push([name, value]);
  const callbacks: TcpEventCallbacks = {
    tcpEventV4: note('tcpEventV4'),
    tcpEventV6: note('tcpEventV6'),
    lostV4: note('lostV4'),
    lostV6: note('lostV6'),
  };
  for (const record of records) deliver(record, callbacks);
  return made;
}

describe("tcptracer-bpf's events", () => {
  it('go to the callback of their family, with the local end first', () => {
    const accept = { event: 'accept', accounted: 'accept', ...ipv6 } as const;
    const close = { event: 'close', closed_by: 'peer', ...ipv4 } as const;
    assert.deepEqual(calls({ event: 'connect', ...ipv4 }, accept, close), [
      ['tcpEventV4', { ...common, type: 'connect' }],
      ['tcpEventV6', { ...common, type: 'accept' }],
      ['tcpEventV4', { ...common, type: 'close' }],
    ]);
  });

  it('have the process id 0 where no process is known', () => {
    const { process: _, ...rest } = ipv4;
    const close: ConnectionRecord = { event: 'close', closed_by: 'peer', ...rest };
    assert.deepEqual(calls(close), [['tcpEventV4', { ...common, type: 'close', pid: 0, comm: '' }]]);
  });

  it('report descriptors by tcpEventV4, without ends', () => {
    const { time, monotonic_ns, cpu, process, netns } = connection;
    const noEnds = { saddr: '0.0.0.0', daddr: '0.0.0.0', sport: 0, dport: 0 };
    assert.deepEqual(
      calls(
        { event: 'fd_install', time, monotonic_ns, cpu, process, netns, fd: 7 },
        { event: 'fd_install', time, monotonic_ns, cpu, process, fd: 8 },
      ),
      [
        ['tcpEventV4', { ...common, ...noEnds, type: 'fdinstall', fd: 7 }],
        ['tcpEventV4', { ...common, ...noEnds, type: 'fdinstall', fd: 8, netns: 0 }],
      ],
    );
  });

  it('leave out failures, and report all losses by lostV4', () => {
    const { time, monotonic_ns } = connection;
    assert.deepEqual(
      calls(
        { event: 'fail', error: 'ECONNREFUSED', ...ipv4 },
        { event: 'lost', time, monotonic_ns, count: 3, where: 'ring' },
        { event: 'lost', time, monotonic_ns, count: 1, where: 'map' },
      ),
      [
        ['lostV4', 3],
        ['lostV4', 1],
      ],
    );
  });
});
