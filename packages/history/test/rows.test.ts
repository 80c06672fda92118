import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { CloseRecord, FailRecord, UdpFlowRecord } from '@weir/tracer';
import { endRow, flowIdOf, flowNumbers, TimeReader, timeText } from '../src/rows/index.js';

const socket = {
  time: '2026-11-26T14:00:59.999999999Z',
  monotonic_ns: 123_456_789_012_345,
  cpu: 1,
  process: { pid: 7, tid: 8, comm: 'a\udcff\\b', uid: 1000 },
  thread: 'worker',
  netns: 4026531840,
  cgroup_id: 42,
  network: { transport: 'tcp', type: 'ipv4' },
  local: { address: '10.0.0.1', port: 40_000 },
  peer: { address: '10.0.0.2', port: 443, name: 'peer.example' },
  direction: 'outbound',
  interface: 'eth0',
  interface_index: 2,
  flow_id: '00070488764a0b1.3',
  connection_id: '00000001fffffffe',
  service: 'https',
} as const;

const inRow = {
  host_id: 5n,
  time: 1_795_701_659_999_999_999n,
  monotonic_ns: 123_456_789_012_345,
  flow_ns: 0x70488764a0b1n,
  flow_cpu: 3,
  connection_id: 0x1fffffffen,
  transport: 'tcp',
  family: 'ipv4',
  netns: 4026531840,
  local_address: '10.0.0.1',
  local_port: 40_000,
  peer_address: '10.0.0.2',
  peer_port: 443,
  peer_name: 'peer.example',
  service: 'https',
  direction: 'outbound',
  interface: 'eth0',
  interface_index: 2,
  pid: 7,
  tid: 8,
  comm: 'a\\xff\\\\b',
  thread: 'worker',
  uid: 1000,
  cgroup_id: 42,
};

describe('the row of an end', () => {
  const time = new TimeReader().read(socket.time);

  test('has every field of a close record, and what records before it said', () => {
    const figures = {
      ...{ duration_us: 10, bytes_sent: 11, bytes_received: 12, segments_sent: 13, segments_received: 14 },
      ...{ retransmits: 15, srtt_us: 16, closing_us: 17, subflows: 18, filter: 'undecided' as const },
    } as const;
    const record: CloseRecord = { ...socket, event: 'close', closed_by: 'peer', ...figures };
    const context = { handshake_us: 20, accounted: 'listener', candidates: 3, intervalRows: 4 } as const;
    assert.deepEqual(endRow(record, 5n, time, context), {
      ...inRow,
      ...figures,
      ...{ event: 'close', cpu: 1, closed_by: 'peer' },
      ...{ handshake_us: 20, accounted: 'listener', candidates: 3, interval_rows: 4 },
    });
  });

  test('takes little memory to make, for a host with a thousand of them a second', () => {
    const options = ['--min-semi-space-size=128', '--max-semi-space-size=128'];
    const child = fileURLToPath(new URL('./support/row-memory-child.js', import.meta.url));
    const bytes = Number(execFileSync(process.execPath, [...options, child], { encoding: 'utf8' }));
    assert.ok(bytes < 4096, `${bytes} bytes a row`);
  });

  test('has nothing for what a failure does not know', () => {
    const record: FailRecord = { ...socket, event: 'fail', error: 'ECONNREFUSED' };
    assert.deepEqual(endRow(record, 5n, time), {
      ...inRow,
      ...{ event: 'fail', cpu: 1, error: 'ECONNREFUSED', interval_rows: 0 },
    });
  });

  test('has the datagrams of a UDP flow as segments', () => {
    const { cpu: _, thread: __, connection_id: ___, process, ...flow } = socket;
    const record: UdpFlowRecord = {
      ...flow,
      process: { pid: process.pid },
      event: 'udp_flow',
      network: { transport: 'udp', type: 'ipv4' },
      ...{ duration_us: 1, bytes_sent: 2, bytes_received: 3, datagrams_sent: 4, datagrams_received: 5 },
      ...{ closed_by: 'idle', idle_us: 6 },
    };
    const row = endRow(record, 5n, time);
    assert.deepEqual([row.transport, row.segments_sent, row.segments_received], ['udp', 4, 5]);
    assert.deepEqual([row.closed_by, row.idle_us, row.comm, row.pid], ['idle', 6, undefined, 7]);
  });
});

describe('values of rows', () => {
  test('keep times to the nanosecond, also before 1970', () => {
    const reader = new TimeReader();
    for (const text of ['1969-12-31T23:59:59.999999999Z', socket.time, '2026-11-26T14:01:00.000000001Z'])
      assert.equal(timeText(reader.read(text)), text);
  });

  test('keep both halves of a flow id', () => {
    for (const id of ['00070488764a0b1.3', 'fffffffffffffff.1023', '000000000000000.0'])
      assert.equal(flowIdOf(flowNumbers(id)), id);
  });
});
