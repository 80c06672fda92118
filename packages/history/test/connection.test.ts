import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { queryConnection } from '../src/query/index.js';
import { plainEnd, plainInterval, plainOpen } from './support/plain-rows.js';
import { Random } from './support/random-rows.js';
import { batchOf, HOUR, HOUR_NS, openStore } from './support/store.js';

const range = { from: 0n, to: HOUR + HOUR_NS };
const random = new Random(17);
const MINUTE_NS = 60_000_000_000n;
const minute = (count: number) => HOUR + BigInt(count) * MINUTE_NS;

/** One connection of an existing address and port. */
const socket = { netns: 1, local_address: '10.0.0.1', local_port: 40_000, peer_address: '10.0.0.2' };
const first = { ...socket, peer_port: 443, flow_ns: 5n, flow_cpu: 1 };
const other = { ...socket, peer_port: 443, flow_ns: 5n, flow_cpu: 2 };

describe('one connection', () => {
  test('has what it moved minute by minute, and nothing of another one between the same ends', async (context) => {
    const store = await openStore(context);
    await store.append(
      batchOf(1, {
        ends: [
          plainEnd(random, { ...first, time: minute(3), duration_us: 180_000_000, interval_rows: 2 }),
          plainEnd(random, { ...other, time: minute(9), duration_us: 60_000_000, interval_rows: 1 }),
        ],
        intervals: [
          plainInterval(random, { ...first, time: minute(2), bytes_sent: 20 }),
          plainInterval(random, { ...first, time: minute(1), bytes_sent: 10 }),
          plainInterval(random, { ...other, time: minute(9), bytes_sent: 90 }),
        ],
      }),
    );
    const { result } = await queryConnection(store, { range, key: { flow: { ns: 5n, cpu: 1 } } });
    assert.deepEqual(
      result.intervals.map(({ time, bytes_sent }) => [time, bytes_sent]),
      [
        [minute(1), 10],
        [minute(2), 20],
      ],
    );
    assert.deepEqual([result.ends.length, result.opens.length], [1, 0]);
  });

  test('that is older than the collector has the minutes in which its number was not known', async (context) => {
    const store = await openStore(context);
    const { flow_ns: _, flow_cpu: _cpu, ...old } = plainInterval(random, { ...first, host_id: 7n });
    await store.append(
      batchOf(1, {
        ends: [plainEnd(random, { ...first, time: minute(3), duration_us: 120_000_000, interval_rows: 2 })],
        intervals: [
          { ...old, time: minute(1) },
          { ...old, time: minute(2) },
          { ...old, time: minute(3) },
          { ...old, time: minute(3), local_port: 40_001 },
        ],
      }),
    );
    const { result } = await queryConnection(store, { range, key: { flow: { ns: 5n, cpu: 1 } } });
    assert.deepEqual(
      result.intervals.map(({ time, local_port }) => [time, local_port]),
      [
        [minute(2), 40_000],
        [minute(3), 40_000],
      ],
    );
  });

  test('that is open is found by the last look at it, also where only its other end has ended', async (context) => {
    const store = await openStore(context);
    const both = { connection_id: 99n };
    await store.append(
      batchOf(1, {
        ends: [plainEnd(random, { ...other, ...both, time: minute(3) })],
        opens: [
          plainOpen(random, { ...first, ...both, time: minute(1), bytes_sent: 1 }),
          plainOpen(random, { ...first, ...both, time: minute(2), bytes_sent: 2 }),
          plainOpen(random, { ...other, ...both, time: minute(2), bytes_sent: 3 }),
        ],
      }),
    );
    const byFlow = await queryConnection(store, { range, key: { flow: { ns: 5n, cpu: 1 } } });
    const byBoth = await queryConnection(store, { range, key: { connectionId: 99n } });
    for (const { result } of [byFlow, byBoth])
      assert.deepEqual(
        result.opens.map(({ time, bytes_sent }) => [time, bytes_sent]),
        [[minute(2), 2]],
      );
    assert.deepEqual([byFlow.result.ends.length, byBoth.result.ends.length], [0, 1]);
  });
});
