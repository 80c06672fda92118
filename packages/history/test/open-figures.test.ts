import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { HistoryStore } from '../src/index.js';
import { queryOpenAt } from '../src/query/index.js';
import type { EndRow, IntervalRow, OpenRow } from '../src/schema/index.js';
import { batchOf, HOUR, HOUR_NS, openStore } from './support/store.js';

const SECOND = 1_000_000_000n;
const at = (seconds: number) => HOUR + BigInt(Math.round(seconds * 1e9));

function connection(flow: number, seconds: number) {
  return {
    ...{ host_id: 7n, time: at(seconds), monotonic_ns: seconds, flow_ns: BigInt(flow), flow_cpu: 0 },
    ...{ transport: 'tcp', family: 'ipv4', local_address: '10.0.0.1', local_port: flow },
    ...{ peer_address: '10.0.0.2', peer_port: 443 },
  };
}

const open = (flow: number, seconds: number, bytes: number, started?: number): OpenRow => ({
  ...connection(flow, seconds),
  ...{ bytes_sent: bytes, bytes_received: 0, segments_sent: 1, retransmits: 0, srtt_us: 100 },
  ...(started !== undefined && { started: at(started) }),
});

const interval = (flow: number, from: number, to: number, bytes: number): IntervalRow => ({
  ...connection(flow, to),
  ...{
    span_us: (to - from) * 1e6,
    bytes_sent: bytes,
    bytes_received: 2 * bytes,
    retransmits: 6,
    srtt_us: to,
  },
});

const end = (flow: number, seconds: number, bytes: number, rows: number, duration?: number): EndRow => ({
  ...connection(flow, seconds),
  ...{ event: 'close', bytes_sent: bytes, bytes_received: 0, retransmits: 0, interval_rows: rows },
  ...(duration !== undefined && { duration_us: duration * 1e6 }),
});

/** Five minutes, with a look each. */
const LONG = 1;
const PART = 2;
const SHORT = 3;
const OLD = 4;

async function fiveMinutes(store: HistoryStore): Promise<void> {
  const looks = [
    { opens: [open(LONG, 0, 1000)] },
    {
      opens: [open(PART, 60, 300, 30)],
      intervals: [interval(LONG, 0, 60, 600), interval(PART, 30, 60, 300)],
      ends: [end(SHORT, 20, 1000, 0, 10), end(OLD, 10, 5, 0)],
    },
    { intervals: [interval(PART, 60, 90, 900)], ends: [end(PART, 90, 1200, 2, 60)] },
    { intervals: [interval(LONG, 120, 180, 6000)] },
    {},
  ];
  for (const [index, rows] of looks.entries()) {
    const sweep = index === 0 ? 'full' : 'changes';
    await store.append(batchOf(index + 1, { time: at(60 * index), sweep, ...rows }));
  }
  // The collector ran on, and has not looked again.
  await store.append(batchOf(6, { time: at(270) }));
}

describe('figures of a moment', () => {
  test('are those of the look before and an even part of the span, with its rate', async (context) => {
    const store = await openStore(context);
    await fiveMinutes(store);
    const stateAt = async (seconds: number) => {
      const { result } = await queryOpenAt(store, { at: at(seconds), figures: 'moment' });
      return Object.fromEntries(
        result.rows.map(({ local_port, bytes_sent, send_rate, receive_rate, srtt_us }) => [
          local_port,
          [bytes_sent, send_rate, receive_rate, srtt_us],
        ]),
      );
    };
    const check = async () => {
      assert.deepEqual(await stateAt(15), {
        [LONG]: [1150, 10, 20, 60],
        [SHORT]: [500, 100, 0, undefined],
      });
      assert.deepEqual(await stateAt(45), { [LONG]: [1450, 10, 20, 60], [PART]: [150, 10, 20, 60] });
      assert.deepEqual(await stateAt(75), { [LONG]: [1600, 0, 0, 100], [PART]: [750, 30, 60, 90] });
      assert.deepEqual(await stateAt(150), { [LONG]: [4600, 100, 200, 180] });
      assert.deepEqual(await stateAt(200), { [LONG]: [7600, 0, 0, 100] });
    };
    await check();
    // The same rows in a segment.
    await store.append(batchOf(7, { time: HOUR + 2n * HOUR_NS, goodbye: true }));
    await store.maintain();
    await check();
  });

  test('are unknown, not nothing, where no look says what was moved', async (context) => {
    const store = await openStore(context);
    await fiveMinutes(store);
    const before = await queryOpenAt(store, { at: at(5), figures: 'moment' });
    const old = before.result.rows.find(({ local_port }) => local_port === OLD)!;
    assert.deepEqual([old.bytes_sent, old.send_rate, old.receive_rate], [undefined, undefined, undefined]);
    const last = await queryOpenAt(store, { at: at(260), figures: 'moment' });
    assert.deepEqual(
      last.result.rows.map(({ local_port, bytes_sent, send_rate }) => [local_port, bytes_sent, send_rate]),
      [[LONG, 7600, undefined]],
    );
  });

  test('are nothing in the direction in which a span has moved nothing', async (context) => {
    const store = await openStore(context);
    const { bytes_received: _, ...span } = interval(LONG, 0, 60, 600);
    await store.append(batchOf(1, { time: at(0), sweep: 'full', opens: [open(LONG, 0, 1000)] }));
    // The look itself is still to come.
    await store.append(batchOf(2, { time: at(60), intervals: [span] }));
    const { result } = await queryOpenAt(store, { at: at(30), figures: 'moment' });
    assert.deepEqual(
      result.rows.map(({ send_rate, receive_rate }) => [send_rate, receive_rate]),
      [[10, 0]],
    );
  });

  test('are not asked for unless wanted', async (context) => {
    const store = await openStore(context);
    await fiveMinutes(store);
    const { result } = await queryOpenAt(store, { at: at(75) });
    assert.deepEqual(
      result.rows.map(({ bytes_sent, send_rate }) => [bytes_sent, send_rate]),
      [
        [1000, undefined],
        [300, undefined],
      ],
    );
    assert.equal(result.rows[0]!.time, HOUR + 0n * SECOND);
  });
});
