import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { OptionError } from '@weir/ebpf/errors';
import { type EndRow, InterruptedError, type IntervalRow } from '../src/index.js';
import {
  queryCompare,
  queryConnections,
  queryGroups,
  queryOpenAt,
  querySeries,
  querySql,
} from '../src/query/index.js';
import { plainEnd, plainInterval, plainOpen } from './support/plain-rows.js';
import { Random } from './support/random-rows.js';
import { batchOf, HOUR, HOUR_NS, openStore } from './support/store.js';

const MINUTE = 60_000_000_000n;
const all = { from: HOUR - 10n * HOUR_NS, to: HOUR + 10n * HOUR_NS };

/** Three hours of connections, two of them in segments, one in the file. */
async function threeHours(context: TestContext) {
  const store = await openStore(context);
  const random = new Random(11);
  const ends: EndRow[] = [];
  const intervals: IntervalRow[] = [];
  for (let hour = 0n; hour < 3n; hour++) {
    const time = () => HOUR + hour * HOUR_NS + (random.wide() % HOUR_NS);
    const newEnds = Array.from({ length: 300 }, () => plainEnd(random, { time: time() }));
    const newIntervals = Array.from({ length: 100 }, () => plainInterval(random, { time: time() }));
    ends.push(...newEnds);
    intervals.push(...newIntervals);
    await store.append(
      batchOf(Number(hour) + 1, {
        ends: newEnds,
        intervals: newIntervals,
        time: HOUR + (hour + 1n) * HOUR_NS,
      }),
    );
    await store.maintain();
  }
  return { store, ends, intervals };
}

const sum = (rows: readonly object[], name: string) =>
  rows.reduce((total, row) => total + ((row as Record<string, number | undefined>)[name] ?? 0), 0);

describe('connections of a range', () => {
  test('come page by page, each once, in order of time', async (context) => {
    const { store, ends } = await threeHours(context);
    for (const order of ['newest', 'oldest'] as const) {
      const found: EndRow[] = [];
      let cursor: string | undefined;
      do {
        const { result } = await queryConnections(store, {
          range: all,
          order,
          limit: 37,
          ...(cursor && { cursor }),
        });
        found.push(...result.rows);
        assert.ok(result.rows.length <= 37);
        cursor = result.next;
      } while (cursor !== undefined);
      const expected = ends.toSorted((a, b) => (a.time < b.time ? -1 : 1));
      assert.deepEqual(found, order === 'oldest' ? expected : expected.reverse());
    }
  });

  test('meet the range and the condition', async (context) => {
    const { store, ends } = await threeHours(context);
    const range = { from: HOUR + 30n * MINUTE, to: HOUR + 100n * MINUTE };
    const where = { sql: 'comm = ?', values: ['curl'] };
    const { result } = await queryConnections(store, { range, where, order: 'oldest' });
    const expected = ends.filter(
      ({ time, comm }) => time >= range.from && time < range.to && comm === 'curl',
    );
    assert.deepEqual(
      result.rows,
      expected.toSorted((a, b) => (a.time < b.time ? -1 : 1)),
    );
    assert.equal(result.next, undefined);
  });

  test('refuse a cursor that no page gave', async (context) => {
    const store = await openStore(context);
    for (const cursor of [
      '',
      'x',
      '1.2.3.4.5',
      '1.2.3.4.5.6.7',
      '1.2.3.4.5.!',
      '9'.repeat(99),
      'zzzzzzzzzzzzz.0.0.0.0.0',
    ])
      assert.throws(() => queryConnections(store, { range: all, cursor }), OptionError, cursor);
  });
});

describe('groups of connections', () => {
  test('have the sums of their rows, and count no byte twice', async (context) => {
    const { store, ends, intervals } = await threeHours(context);
    const range = { from: HOUR + 30n * MINUTE, to: HOUR + 150n * MINUTE };
    const { result } = await queryGroups(store, { range, by: ['process', 'peer'], limit: 1000 });
    const inRange = ({ time }: { time: bigint }) => time >= range.from && time < range.to;
    const moved = [...ends.filter((row) => row.interval_rows === 0), ...intervals].filter(inRange);
    assert.equal(result.total.bytes_sent, sum(moved, 'bytes_sent'));
    assert.equal(result.total.bytes_received, sum(moved, 'bytes_received'));
    assert.equal(result.total.connections, ends.filter(inRange).length);
    assert.equal(result.total.failures, ends.filter((row) => inRange(row) && row.event === 'fail').length);
    assert.equal(result.count, result.groups.length);
    assert.equal(sum(result.groups, 'bytes_sent'), result.total.bytes_sent);
    for (const { key, ...group } of result.groups) {
      const is = (row: EndRow | IntervalRow) =>
        (row.comm ?? null) === key.process && row.peer_address === key.peer;
      assert.equal(group.bytes_sent, sum(moved.filter(is), 'bytes_sent'));
      assert.equal(group.retransmits, sum(moved.filter(is), 'retransmits'));
      assert.equal(group.connections, ends.filter((row) => inRange(row) && is(row)).length);
      assert.equal(group.rate, (group.bytes_sent + group.bytes_received) / 7200);
    }
    const bytes = result.groups.map((group) => group.bytes_sent + group.bytes_received);
    assert.deepEqual(
      bytes,
      bytes.toSorted((a, b) => b - a),
    );
  });

  test('give the first of them, how many there are, and the total of all', async (context) => {
    const { store, ends } = await threeHours(context);
    const { result } = await queryGroups(store, {
      range: all,
      by: ['process'],
      limit: 2,
      order: 'connections',
    });
    assert.equal(result.groups.length, 2);
    assert.equal(result.count, new Set(ends.map(({ comm }) => comm)).size);
    assert.equal(result.total.connections, ends.length);
  });

  test('have percentiles of latencies, also for the group whose field is not known', async (context) => {
    const { store, ends } = await threeHours(context);
    const points = [0, 0.5, 0.95, 1];
    const { result } = await queryGroups(store, { range: all, by: ['unit', 'uid'], percentiles: points });
    for (const { key, percentiles } of result.groups) {
      const values = ends
        .filter((row) => (row.unit ?? null) === key.unit && (row.uid ?? null) === key.uid)
        .flatMap((row) => (row.handshake_us === undefined ? [] : [row.handshake_us]))
        .sort((a, b) => a - b);
      const quantile = (point: number) => {
        const at = point * (values.length - 1);
        const low = values[Math.floor(at)]!;
        return low + (values[Math.ceil(at)]! - low) * (at - Math.floor(at));
      };
      const expected = values.length === 0 ? [] : points.map(quantile);
      assert.deepEqual(
        percentiles?.handshake_us.map((value) => Math.round(value! * 1000)),
        expected.map((value) => Math.round(value * 1000)),
      );
    }
  });

  test('are one group of all without a field', async (context) => {
    const { store, ends } = await threeHours(context);
    const { result } = await queryGroups(store, { range: all, by: [], percentiles: [0.5] });
    assert.equal(result.total.connections, ends.length);
    assert.deepEqual(result.groups, []);
  });

  test('refuse what makes no sense with the choice there is', async (context) => {
    const store = await openStore(context);
    assert.throws(
      () => queryGroups(store, { range: all, by: ['proces'] }),
      /"proces" is no field to group by: choose from process,/,
    );
    assert.throws(() => queryGroups(store, { range: all, by: ['toString'] }), OptionError);
    assert.throws(() => queryGroups(store, { range: all, by: ['peer', 'peer'] }), /is there twice/);
    assert.throws(
      () => queryGroups(store, { range: all, by: [], limit: 0 }),
      /limit: expected a number from 1/,
    );
    assert.throws(() => queryGroups(store, { range: all, by: [], percentiles: [95] }), /from 0 to 1/);
    assert.throws(
      () => queryGroups(store, { range: all, by: [], order: 'size' as never }),
      /order: choose from connections/,
    );
  });
});

describe('a series', () => {
  test('has the sums of each step, for the largest groups', async (context) => {
    const { store, ends, intervals } = await threeHours(context);
    const { result } = await querySeries(store, {
      range: all,
      step: 10n * MINUTE,
      by: ['process'],
      limit: 2,
    });
    assert.equal(result.length, 2);
    for (const { key, points } of result) {
      const moved = [...ends.filter((row) => row.interval_rows === 0), ...intervals].filter(
        (row) => (row.comm ?? null) === key.process,
      );
      for (const { time, bytes_sent, rate, bytes_received } of points) {
        assert.equal(time % (10n * MINUTE), 0n);
        const step = moved.filter((row) => row.time >= time && row.time < time + 10n * MINUTE);
        assert.equal(bytes_sent, sum(step, 'bytes_sent'));
        assert.equal(rate, (bytes_sent + bytes_received) / 600);
      }
      assert.equal(sum(points, 'bytes_sent'), sum(moved, 'bytes_sent'));
    }
    const { result: one } = await querySeries(store, { range: all, step: 10n * MINUTE });
    assert.equal(one.length, 1);
    assert.equal(sum(one[0]!.points, 'connections'), ends.length);
  });

  test('refuses a step that is too short for its range', async (context) => {
    const store = await openStore(context);
    assert.throws(() => querySeries(store, { range: all, step: 1n }), /at least a second/);
    assert.throws(() => querySeries(store, { range: all, step: 1_000_000_000n }), /more than 20000 steps/);
  });
});

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
    const sql = 'SELECT count(*) FROM range(1000000000000) a';
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 100);
    const began = performance.now();
    await assert.rejects(querySql(store, { sql, signal: controller.signal }), InterruptedError);
    await assert.rejects(
      querySql(store, { sql, timeLimitMs: 100 }),
      (error) =>
        error instanceof InterruptedError && error.timedOut && /longer than 100 ms/.test(error.message),
    );
    await assert.rejects(querySql(store, { sql, signal: AbortSignal.abort() }), InterruptedError);
    assert.ok(performance.now() - began < 5000);
    assert.deepEqual((await querySql(store, { sql: 'SELECT 1 AS one' })).rows, [[1]]);
  });
});

describe('SQL of users', () => {
  test('reads all tables by name, from the file and from segments', async (context) => {
    const { store, ends } = await threeHours(context);
    const { rows, columns } = await querySql(store, {
      sql: `SELECT count(*) AS n, sum(bytes_sent)::BIGINT AS bytes, max(time) AS t, (SELECT count(*) FROM batches) AS b FROM ends`,
    });
    assert.deepEqual(
      columns.map(({ name }) => name),
      ['n', 'bytes', 't', 'b'],
    );
    assert.deepEqual(rows[0]!.slice(0, 2), [String(ends.length), String(sum(ends, 'bytes_sent'))]);
    assert.match(String(rows[0]![2]), /^2025-11-24 17:/);
  });

  test('returns no more rows than its limit, and says so', async (context) => {
    const store = await openStore(context);
    const result = await querySql(store, { sql: 'FROM range(100000)', limit: 5000 });
    assert.equal(result.rows.length, 5000);
    assert.equal(result.truncated, true);
    assert.equal((await querySql(store, { sql: 'FROM range(5000)', limit: 5000 })).truncated, false);
  });

  const refused = [
    'DELETE FROM recent.ends',
    "COPY ends TO 'x.parquet'",
    "COPY (SELECT 1) TO 'segments/x.parquet'",
    "ATTACH 'x.db'",
    'SET threads = 1',
    'INSTALL httpfs',
    'CREATE TABLE x (y INTEGER)',
    'SELECT 1; SELECT 2',
    'EXPLAIN ANALYZE DELETE FROM recent.ends',
    'CHECKPOINT',
    'BEGIN',
    'COMMIT',
    'CALL enable_logging()',
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM query('DELETE FROM recent.ends')",
    "SELECT * FROM read_parquet('http://127.0.0.1/x')",
    'SELECT nonsense FROM ends',
    'SELEC 1',
    '',
    '-- nothing',
    "SELECT 'x'::INTEGER",
  ];
  for (const sql of refused) {
    test(`refuses ${JSON.stringify(sql)}, and the history is as before`, async (context) => {
      const store = await openStore(context);
      const random = new Random(41);
      await store.append(batchOf(1, { ends: [plainEnd(random, {})] }));
      await assert.rejects(querySql(store, { sql }), OptionError);
      assert.deepEqual((await querySql(store, { sql: 'SELECT count(*) FROM ends' })).rows, [['1']]);
      assert.equal(await store.append(batchOf(2)), true);
    });
  }
});

describe('a question that is ended while it has several statements', () => {
  test('ends at any moment of them', async (context) => {
    const { store } = await threeHours(context);
    for (let delay = 0; delay < 60; delay += 3) {
      const began = performance.now();
      const slow = (session: Parameters<Parameters<typeof store.read>[0]>[0]) =>
        (async () => {
          for (let index = 0; index < 1000; index++)
            await session.query('SELECT count(*) FROM range(3000000)');
        })();
      await assert.rejects(store.read(slow, { signal: AbortSignal.timeout(delay) }), InterruptedError);
      assert.ok(performance.now() - began < 3000, `after ${delay} ms`);
    }
  });
});
