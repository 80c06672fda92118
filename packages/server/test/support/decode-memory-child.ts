/** Prints the bytes that a row takes while a batch is read. The heap is so large that nothing is collected meanwhile. */
import { decodeBatch } from '../../src/wire/decode-batch.js';
import { encodeBatch } from '../../src/wire/encode-batch.js';
import { batchOf, endRow } from './batches.js';

const ROWS = 2000;
const details = {
  executable: '/usr/bin/a',
  unit: 'a.service',
  comm: 'a',
  pid: 7,
  tid: 7,
  uid: 0,
  srtt_us: 3,
};
const more = {
  segments_sent: 1,
  segments_received: 2,
  retransmits: 0,
  closing_us: 4,
  connection_id: 5n,
  netns: 9,
};
// Each has gaps, of two kinds.
const ends = Array.from({ length: ROWS }, (_, index) =>
  endRow(index, index % 2 === 0 ? { ...details, ...more } : { error: 'ECONNREFUSED', handshake_us: 5 }),
);
const bytes = encodeBatch(batchOf(1, ends));

decodeBatch(bytes);
const before = process.memoryUsage().heapUsed;
decodeBatch(bytes);
process.stdout.write(`${(process.memoryUsage().heapUsed - before) / ROWS}\n`);
