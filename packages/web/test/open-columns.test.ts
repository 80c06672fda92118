/** How open connections are sorted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OpenConnection } from '../src/api/api-types.js';
import { BUSIEST, nextOpenOrder, readOpenOrder, sortOpen } from '../src/views/table/open-columns.js';

function open(flow_id: string, more: Partial<OpenConnection>): OpenConnection {
  return {
    host: '00',
    time: '2026-01-02T03:04:05.000000000Z',
    monotonic_ns: 1,
    network: { transport: 'tcp', type: 'ipv4' },
    local: { address: '10.0.0.1', port: 1 },
    peer: { address: '10.0.0.2', port: 2 },
    flow_id,
    ...more,
  } as OpenConnection;
}

const connections = [
  open('a', { started: '2026-01-02T03:00:02.000000000Z', send_rate: 1, receive_rate: 9, bytes_sent: 5 }),
  open('b', { started: '2026-01-02T03:00:01.000000000Z', send_rate: 20, process: { comm: 'z' } }),
  open('c', { started: '2026-01-02T03:00:03.000000000Z', bytes_sent: 50, process: { comm: 'a' } }),
  open('d', { bytes_sent: 5, send_rate: 20 }),
];
const sorted = (order: string) =>
  sortOpen(connections, readOpenOrder(order))
    .map(({ flow_id }) => flow_id)
    .join('');

test('open connections are sorted by what they move, unless a column is chosen', () => {
  assert.equal(sorted(BUSIEST), 'dbac', 'of two that move as much, the one from before recording first');
  assert.equal(sorted('no such column'), 'dbac');
});

test('open connections are sorted by a column either way, what is not known last', () => {
  assert.equal(sorted('sent'), 'dacb');
  assert.equal(sorted('-sent'), 'cdab');
  assert.equal(sorted('process'), 'cbda');
  assert.equal(sorted('-process'), 'bcda');
  assert.equal(sorted('since'), 'bacd');
});

test('a click on a header sorts, and another one turns that round', () => {
  assert.equal(nextOpenOrder('sent', readOpenOrder(BUSIEST)), '-sent');
  assert.equal(nextOpenOrder('sent', readOpenOrder('-sent')), 'sent');
  assert.equal(nextOpenOrder('process', readOpenOrder('-sent')), 'process');
  assert.equal(nextOpenOrder('process', readOpenOrder('process')), '-process');
});
