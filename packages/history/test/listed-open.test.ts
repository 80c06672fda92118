import assert from 'node:assert/strict';
import { test } from 'node:test';
import { queryListedOpen } from '../src/query/index.js';
import type { OpenRow } from '../src/schema/index.js';
import { batchOf, HOUR, HOUR_NS, openStore } from './support/store.js';

const at = (seconds: number) => HOUR + BigInt(seconds) * 1_000_000_000n;

function open(flow: number | undefined, seconds: number): OpenRow {
  return {
    ...{ host_id: 7n, time: at(seconds), monotonic_ns: seconds, transport: 'tcp', family: 'ipv4' },
    ...{ local_address: '10.0.0.1', local_port: 1, peer_address: '10.0.0.2', peer_port: 443 },
    ...(flow !== undefined && { flow_ns: BigInt(flow), flow_cpu: 0 }),
    comm: `c${flow}`,
  };
}

const end = (flow: number, seconds: number) =>
  ({ ...open(flow, seconds), event: 'close', interval_rows: 0 }) as const;

test('what sweeps have listed since the last full one, and has not ended, is open', async (context) => {
  const store = await openStore(context);
  const listed = async (limit = 100) =>
    (await queryListedOpen(store, { limit })).map(({ comm }) => comm).sort();
  assert.deepEqual(await listed(), []);
  await store.append(
    batchOf(1, { time: at(1), sweep: 'full', opens: [open(1, 1), open(2, 1)], ends: [end(9, 1)] }),
  );
  await store.append(
    batchOf(2, { time: at(60), sweep: 'full', opens: [1, 3, undefined].map((flow) => open(flow, 60)) }),
  );
  assert.deepEqual(await listed(), ['c1', 'c3'], 'nothing of the list before, and none without a number');
  await store.append(batchOf(3, { time: at(120), sweep: 'changes', opens: [open(4, 120), open(5, 120)] }));
  await store.append(batchOf(4, { time: at(130), ends: [end(1, 125), end(5, 130), end(6, 130)] }));
  assert.deepEqual(await listed(), ['c3', 'c4']);
  assert.equal((await listed(1)).length, 1);
  // The same rows in a segment.
  await store.append(batchOf(5, { time: HOUR + 2n * HOUR_NS }));
  await store.maintain();
  assert.deepEqual(await listed(), ['c3', 'c4']);
});
