import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type EndRow, HistoryError, InterruptedError } from '../src/index.js';
import { ask } from '../src/query/answer.js';
import { type Measures, queryCompare, queryGroups, queryOpenAt, querySql } from '../src/query/index.js';
import type { TimeRange } from '../src/store/session.js';
import { plainEnd, plainOpen } from './support/plain-rows.js';
import { Random } from './support/random-rows.js';
import { batchOf, HOUR, HOUR_NS, openStore } from './support/store.js';
import { MINUTE } from './support/three-hours.js';

describe('what was open at a moment', () => {
  test('is the same as what a list of all connections says, at 100 random moments', async (context) => {
    const store = await openStore(context);
    const random = new Random(21);
    const end = HOUR + 4n * HOUR_NS;
    const connections = Array.from({ length: 400 }, (_, index) => {
      const started = HOUR + (random.wide() % (end - HOUR));
      const length = random.pick([1_000n, MINUTE / 2n, 10n * MINUTE, 3n * HOUR_NS]);
      return { started, ended: started + (random.wide() % length), flow: BigInt(index + 1) };
    });
    // A sweep a minute, a full one each hour.
    let number = 0;
    let last = HOUR;
    for (let time = HOUR; time <= end; time += MINUTE) {
      const isFull = (time - HOUR) % HOUR_NS === 0n;
      const open = connections.filter(
        (each) => each.started <= time && each.ended > time && (isFull || each.started > last),
      );
      const ended = connections.filter((each) => each.ended <= time && each.ended > last);
      await store.append(
        batchOf(++number, {
          time,
          sweep: isFull ? 'full' : 'changes',
          opens: open.map(({ flow, started }) =>
            plainOpen(random, { time, flow_ns: flow, flow_cpu: 0, started }),
          ),
          ends: ended.map((each) =>
            plainEnd(random, {
              time: each.ended,
              event: 'close',
              flow_ns: each.flow,
              flow_cpu: 0,
              duration_us: Number((each.ended - each.started) / 1000n),
            }),
          ),
        }),
      );
      last = time;
      if (isFull) await store.maintain();
    }
    for (let index = 0; index < 100; index++) {
      const at = HOUR + (random.wide() % (end - HOUR));
      const { result } = await queryOpenAt(store, { at });
      // Durations are whole microseconds.
      const isSure = (each: (typeof connections)[0]) => each.started + 1000n <= at || each.started > at;
      const expected = connections
        .filter((each) => each.started <= at && each.ended > at && isSure(each))
        .map(({ flow }) => flow);
      const found = result.rows
        .map(({ flow_ns }) => flow_ns!)
        .filter((flow) => isSure(connections[Number(flow) - 1]!));
      assert.deepEqual(found.sort(), expected.sort(), String(at));
      assert.equal(result.count, result.rows.length);
    }
  });

  test('has a connection once that waits to be accepted, and has its number only from then on', async (context) => {
    const store = await openStore(context);
    const random = new Random(33);
    const at = (minutes: number) => HOUR + BigInt(minutes) * MINUTE;
    const { event, time, interval_rows, duration_us, handshake_us, ...row } = plainEnd(random, {});
    const { flow_ns, flow_cpu, started, ...waiting } = plainOpen(random, row);
    const accepted = { ...row, flow_ns: 7n, flow_cpu: 1 };
    const first = { ...waiting, time: at(0) };
    const second = plainOpen(random, { ...accepted, time: at(60), started: at(30) });
    const ended = plainEnd(random, { ...accepted, event: 'close', time: at(90), duration_us: 60 * 60e6 });
    const again = { event: 'close', flow_ns: 8n, time: at(110), duration_us: 10 * 60e6 };
    await store.append(batchOf(1, { time: at(0), sweep: 'full', opens: [first] }));
    await store.append(batchOf(2, { time: at(60), sweep: 'full', opens: [second] }));
    await store.append(batchOf(3, { time: at(120), sweep: 'full', ends: [ended, { ...ended, ...again }] }));
    const known = async (minutes: number) => {
      const { result } = await queryOpenAt(store, { at: at(minutes) });
      assert.equal(result.count, result.rows.length);
      return result.rows.map((each) => each.flow_ns);
    };
    assert.deepEqual(await known(10), [undefined]);
    for (const minutes of [40, 70]) assert.deepEqual(await known(minutes), [7n], `${minutes} minutes`);
    assert.deepEqual([await known(95), await known(105), await known(115)], [[], [8n], []]);
  });
});

describe('two ranges compared', () => {
  test('show which groups are new, gone, slower, fail more, and move more', async (context) => {
    const store = await openStore(context);
    const random = new Random(31);
    const rows = (hour: bigint, comm: string, count: number, values: Partial<EndRow>) =>
      Array.from({ length: count }, (_, index) => ({
        ...plainEnd(random, { time: HOUR + hour * HOUR_NS + BigInt(index) * 1_000_000_000n }),
        ...{
          event: 'close',
          interval_rows: 0,
          bytes_sent: 0,
          bytes_received: 0,
          handshake_us: 100,
          srtt_us: 100,
        },
        ...{ comm, ...values },
      }));
    const before = [
      ...rows(0n, 'gone', 1, {}),
      ...rows(0n, 'same', 10, {}),
      ...rows(0n, 'slow', 10, {}),
      ...rows(0n, 'fails', 10, {}),
      ...rows(0n, 'big', 10, { bytes_sent: 100_000 }),
    ];
    const now = [
      ...rows(1n, 'new', 1, {}),
      ...rows(1n, 'same', 10, {}),
      ...rows(1n, 'slow', 10, { handshake_us: 1000 }),
      ...rows(1n, 'fails', 10, { event: 'fail' }),
      ...rows(1n, 'big', 10, { bytes_sent: 900_000 }),
    ];
    await store.append(batchOf(1, { ends: [...before, ...now] }));
    const { result } = await queryCompare(store, {
      range: { from: HOUR + HOUR_NS, to: HOUR + 2n * HOUR_NS },
      against: { from: HOUR, to: HOUR + HOUR_NS },
      by: ['process'],
    });
    const changes = new Map(result.differences.map(({ key, changes }) => [key.process, changes]));
    assert.deepEqual(Object.fromEntries(changes), {
      gone: ['gone'],
      new: ['new'],
      slow: ['slower'],
      fails: ['more_failures'],
      big: ['more_bytes'],
    });
    assert.equal(result.count, 6);
  });

  test('find among many groups those that differ, the largest first, and count all', async (context) => {
    const store = await openStore(context);
    const random = new Random(32);
    const ends = Array.from({ length: 6000 }, (_, index) => ({
      ...plainEnd(random, { time: HOUR + BigInt(index) * (HOUR_NS / 2000n) }),
      ...{ comm: `process ${random.below(random.pick([200, 200, 200, 2000]))}`, interval_rows: 0 },
      ...{
        event: random.below(3) === 0 ? 'fail' : 'close',
        handshake_us: random.below(random.pick([100, 2000])),
      },
      ...{ srtt_us: 50 + random.below(400), bytes_sent: random.below(400_000), bytes_received: 1 },
    }));
    await store.append(batchOf(1, { ends }));
    const [range, against] = [
      { from: HOUR + 2n * HOUR_NS, to: HOUR + 3n * HOUR_NS },
      { from: HOUR, to: HOUR + 2n * HOUR_NS },
    ];
    const groupsOf = async (asked: TimeRange) => {
      const { result } = await queryGroups(store, { range: asked, by: ['process'], limit: 10_000 });
      const { result: all } = await queryGroups(store, { range: asked, by: [] });
      assert.deepEqual(result.total, all.total);
      assert.equal(result.count, result.groups.length);
      return new Map(result.groups.map(({ key, ...figures }) => [String(key.process), figures]));
    };
    const [now, before] = [await groupsOf(range), await groupsOf(against)];
    const names = [...new Set([...now.keys(), ...before.keys()])];
    const bytes = (group: Measures | undefined) => (group?.bytes_sent ?? 0) + (group?.bytes_received ?? 0);
    const grew = (name: string, figure: 'handshake_us' | 'srtt_us') => {
      const [first, last] = [before.get(name)?.[figure] ?? 0, now.get(name)?.[figure] ?? 0];
      return last > first * 1.5 && last - first > 100;
    };
    const changesOf = (name: string) => {
      const [first, last] = [before.get(name), now.get(name)];
      if (first === undefined || last === undefined) return [last === undefined ? 'gone' : 'new'];
      const isSlower =
        Math.min(first.connections, last.connections) >= 5 &&
        (grew(name, 'handshake_us') || grew(name, 'srtt_us'));
      return [
        ...(isSlower ? ['slower'] : []),
        ...(last.failures >= 3 && last.failures > first.failures ? ['more_failures'] : []),
        ...(bytes(last) >= 1_000_000 && bytes(last) > bytes(first) ? ['more_bytes'] : []),
      ];
    };
    const size = (name: string) => bytes(now.get(name)) + bytes(before.get(name));
    const expected = names
      .filter((name) => changesOf(name).length > 0)
      .sort((a, b) => size(b) - size(a))
      .map((name) => [name, changesOf(name)]);
    const kinds = new Set(expected.flatMap(([, changes]) => changes));
    assert.ok(
      kinds.size === 5 && expected.length > 30 && expected.length < names.length,
      `${[...kinds].join()} ${expected.length} of ${names.length}`,
    );
    for (const limit of [10_000, 7]) {
      const { result } = await queryCompare(store, { range, against, by: ['process'], limit });
      assert.equal(result.count, names.length);
      assert.deepEqual(
        result.differences.map(({ key, changes }) => [key.process, changes]),
        expected.slice(0, limit),
      );
      for (const { key, now: figures } of result.differences)
        assert.deepEqual(figures, now.get(String(key.process)));
    }
    const none = { from: 0n, to: HOUR_NS };
    const { result } = await queryCompare(store, { range: none, against: none, by: ['process'] });
    assert.deepEqual({ count: result.count, differences: result.differences }, { count: 0, differences: [] });
  });
});

describe('an answer', () => {
  test('says which losses fall into its range, and when nobody recorded', async (context) => {
    const store = await openStore(context);
    const loss = (minute: bigint, since?: bigint) => ({
      time: HOUR + minute * MINUTE,
      ...(since !== undefined && { since: HOUR + since * MINUTE }),
      count: Number(minute),
      place: 'ring',
    });
    await store.append(
      batchOf(1, {
        losses: [loss(5n), loss(15n), loss(25n, 18n), loss(30n, 29n)],
        time: HOUR + 40n * MINUTE,
        goodbye: true,
      }),
    );
    await store.append(
      batchOf(1, { epoch: 'd'.repeat(32), started: HOUR + 50n * MINUTE, time: HOUR + 55n * MINUTE }),
    );
    const range = { from: HOUR + 10n * MINUTE, to: HOUR + 20n * MINUTE };
    const inside = await queryGroups(store, { range, by: [] });
    assert.deepEqual(
      inside.losses.map(({ count }) => count),
      [15, 25],
    );
    assert.deepEqual(inside.unrecorded, []);
    const around = await queryGroups(store, {
      range: { from: HOUR - MINUTE, to: HOUR + 60n * MINUTE },
      by: [],
    });
    assert.deepEqual(
      around.unrecorded.map(({ from, to }) => [(from - HOUR) / MINUTE, (to - HOUR) / MINUTE]),
      [
        [-1n, 0n],
        [40n, 50n],
        [55n, 60n],
      ],
    );
  });

  test('is ended by its signal and by its limit of time, and the history goes on', async (context) => {
    const store = await openStore(context);
    // It takes far longer than the time for this file.
    const sql = 'SELECT count(*) FROM range(1000000000000) a';
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 100);
    await assert.rejects(querySql(store, { sql, signal: controller.signal }), InterruptedError);
    await assert.rejects(
      querySql(store, { sql, timeLimitMs: 100 }),
      (error) =>
        error instanceof InterruptedError && error.timedOut && /longer than 100 ms/.test(error.message),
    );
    await assert.rejects(querySql(store, { sql, signal: AbortSignal.abort() }), InterruptedError);
    await assert.rejects(
      querySql(store, { sql, signal: AbortSignal.timeout(50), timeLimitMs: 60_000 }),
      (error) => error instanceof InterruptedError && !error.timedOut,
    );
    assert.deepEqual((await querySql(store, { sql: 'SELECT 1 AS one' })).rows, [[1]]);
  });

  test('that needs too much memory is an error with advice, and the history goes on', async (context) => {
    const store = await openStore(context, { memoryBytes: 64 * 2 ** 20 });
    await assert.rejects(
      ask(store, {}, (session) => session.query('SELECT list(r) FROM range(100000000) AS t(r)')),
      (error) => error instanceof HistoryError && /more memory than the history may use/.test(error.message),
    );
    assert.equal(await store.append(batchOf(1)), true);
  });
});
