/** Prints the bytes that the row of an end takes while it is made. The heap is so large that nothing is collected meanwhile. */
import type { CloseRecord } from '@weir/tracer';
import { endRow } from '../../src/rows/index.js';

const ROWS = 4000;
const details = { executable: '/usr/bin/a', command_line: 'a b', unit: 'a.service' };
const record = (index: number): CloseRecord => ({
  ...{ event: 'close', time: '', monotonic_ns: 1e12 + index, cpu: 1, netns: 1, cgroup_id: 42 },
  process: Object.assign({ pid: 7, tid: 7, comm: 'a', uid: 0 }, details),
  network: { transport: 'tcp', type: 'ipv4' },
  local: { address: '10.0.0.1', port: 40_000 },
  peer: { address: '10.0.0.2', port: 443 },
  ...{ direction: 'outbound', flow_id: '00070488764a0b1.3', connection_id: '00000001fffffffe' },
  ...{ duration_us: 10, closed_by: 'peer', bytes_sent: 11, bytes_received: 12, segments_sent: 13 },
  ...{ segments_received: 14, retransmits: 15, srtt_us: 16, closing_us: 17 },
});
const records = Array.from({ length: ROWS }, (_, index) => record(index));
const make = () => records.map((each) => endRow(each, 5n, 1n, { handshake_us: 3 }));

make();
const before = process.memoryUsage().heapUsed;
const rows = make();
process.stdout.write(`${(process.memoryUsage().heapUsed - before) / rows.length}\n`);
