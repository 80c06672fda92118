import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { HistoryInUseError, HistoryStore } from '../src/index.js';
import { queryGroups } from '../src/query/index.js';
import { type EndRow, segmentTables, tables } from '../src/schema/index.js';
import { plainEnd } from './support/plain-rows.js';
import { Random, randomRow, randomRows } from './support/random-rows.js';
import { batchOf, HOUR, HOUR_NS, openStore, readTable, temporaryFolder } from './support/store.js';

const second = 1_000_000_000n;

/** Rows of all tables, at different times of an hour. */
function rowsAt(random: Random, hour: bigint, count: number) {
  const at = (index: number) => ({
    time: hour + BigInt(index) * (HOUR_NS / BigInt(count)) + BigInt(random.below(999)),
  });
  return {
    ends: randomRows(random, tables.ends, count, at),
    intervals: randomRows(random, tables.intervals, count, at),
    opens: randomRows(random, tables.opens, count, at),
    losses: randomRows(random, tables.losses, count, at),
  };
}

describe('a history', () => {
  test('returns random rows equal to the byte and the nanosecond, from the file and from segments', async (context) => {
    const store = await openStore(context);
    const random = new Random(1);
    const rows = rowsAt(random, HOUR, 5000);
    await store.append(batchOf(1, { ...rows, hosts: randomRows(random, tables.hosts, 3) }));
    for (const table of segmentTables) assert.deepEqual(await readTable(store, table), rows[table]);
    await store.append(batchOf(2, { time: HOUR + 2n * HOUR_NS }));
    const { copied } = await store.maintain();
    assert.deepEqual(
      copied.map(({ table, rows }) => [table, rows]),
      segmentTables.map((table) => [table, 5000]),
    );
    const left = await store.read((session) => session.query('SELECT count(*) FROM recent.ends'));
    assert.deepEqual(left, [[0n]]);
    for (const table of segmentTables) assert.deepEqual(await readTable(store, table), rows[table]);
  });

  test('returns rows from segments at the first and last times, whose columns are no small difference to another', async (context) => {
    const store = await openStore(context);
    const { pid: _, tid: __, ...row } = plainEnd(new Random(3), {});
    const ahead = [2n ** 62n, 2n ** 62n + 1n, 2n ** 63n - 2n * HOUR_NS, 2n ** 63n - 2n];
    const times = [-(2n ** 63n) + 2n, -(2n ** 62n) - 1n, -HOUR_NS, -5n, 0n, HOUR, ...ahead];
    const ends = times.flatMap((time) => [
      { ...row, time, monotonic_ns: 0 },
      { ...row, time, monotonic_ns: Number.MAX_SAFE_INTEGER, tid: 7 },
      { ...row, time, monotonic_ns: 1, pid: 2 ** 32 - 1, tid: 1 },
      { ...row, time, monotonic_ns: 1, pid: 7 },
    ]);
    await store.append(batchOf(1, { ends }));
    await store.append(batchOf(2, { time: HOUR + 2n * HOUR_NS }));
    await store.maintain();
    assert.deepEqual(await store.read((session) => session.query('SELECT count(*) FROM recent.ends')), [
      [0n],
    ]);
    const found = await readTable(store, 'ends');
    const sorted = (rows: readonly EndRow[]) =>
      rows.toSorted((a, b) => times.indexOf(a.time) - times.indexOf(b.time) || order(a) - order(b));
    const order = ({ tid = 0, pid = 0 }: EndRow) => tid * 10 + (pid === 7 ? 1 : 0);
    assert.deepEqual(sorted(found), sorted(ends));
  });

  test('keeps 24 hours as segments of an hour each, and the last hour in the file', async (context) => {
    const store = await openStore(context);
    const random = new Random(2);
    const all = [];
    for (let hour = 0; hour < 25; hour++) {
      const rows = rowsAt(random, HOUR + BigInt(hour) * HOUR_NS, 40);
      all.push(...rows.ends);
      await store.append(batchOf(hour + 1, { ...rows, time: HOUR + BigInt(hour + 1) * HOUR_NS }));
      await store.maintain();
    }
    assert.deepEqual(await readTable(store, 'ends'), all);
    const names = readdirSync(join(store.folder, 'segments')).filter((name) => name.startsWith('ends'));
    assert.equal(names.length, 24);
    assert.ok(names.includes('ends-2025-11-24T15Z-1.parquet'), names.join());
  });

  test('stores a batch once, however often it is offered', async (context) => {
    const folder = await temporaryFolder(context);
    const first = await HistoryStore.open({ folder });
    const rows = rowsAt(new Random(3), HOUR, 10);
    assert.equal(await first.append(batchOf(1, rows)), true);
    assert.equal(await first.append(batchOf(1, rows)), false);
    await first.close();
    const again = await openStore(context, { folder });
    assert.equal(await again.append(batchOf(1, rows)), false);
    assert.equal(await again.append(batchOf(2, {})), true);
    assert.deepEqual(await readTable(again, 'ends'), rows.ends);
  });

  test('stores nothing of a batch with a row that makes no sense, and goes on', async (context) => {
    const store = await openStore(context);
    const rows = rowsAt(new Random(4), HOUR, 3000);
    const bad = [...rows.ends.slice(1), { ...rows.ends[0]!, local_port: 65_536 }];
    await assert.rejects(
      store.append(batchOf(1, { ends: bad })),
      /local_port: 65536 is no value of this column/,
    );
    globalThis.gc?.();
    assert.deepEqual(await readTable(store, 'ends'), []);
    await store.append(batchOf(1, rows));
    assert.deepEqual(await readTable(store, 'ends'), rows.ends);
  });

  test('records the time in which no collector ran as a loss of unknown size, unless it said goodbye', async (context) => {
    const store = await openStore(context);
    await store.append(batchOf(5, { time: HOUR + 60n * second }));
    const next = { epoch: 'f'.repeat(32), started: HOUR + 90n * second, time: HOUR + 91n * second };
    await store.append(batchOf(1, next));
    await store.append(batchOf(2, { ...next, time: HOUR + 95n * second, goodbye: true }));
    await store.append(
      batchOf(1, { epoch: 'a'.repeat(32), started: HOUR + 200n * second, time: HOUR + 201n * second }),
    );
    const losses = await readTable(store, 'losses');
    assert.deepEqual(losses, [
      {
        host_id: 7n,
        since: HOUR + 60n * second,
        time: HOUR + 90n * second,
        place: 'collector',
        detail:
          'the collector ended without a goodbye; what was lost in the ring in the 12 s before is not known either',
      },
    ]);
  });

  test('records batches that never came as a loss of unknown size, unless they were counted elsewhere', async (context) => {
    const store = await openStore(context);
    await store.append(batchOf(1));
    await store.append(batchOf(4));
    store.skip(batchOf(5));
    await store.append(batchOf(6));
    const next = { epoch: 'f'.repeat(32), started: HOUR + 10n * second };
    await store.append(batchOf(12, next));
    const losses = await readTable(store, 'losses', 'time, place');
    const detail = (which: string) =>
      `${which} of a collector never came: it ended while they waited, or its spool was damaged`;
    const lost = { host_id: 7n, place: 'history' };
    assert.deepEqual(
      losses.filter(({ place }) => place === 'history'),
      [
        { ...lost, since: HOUR + second, time: HOUR + 4n * second, detail: detail('batches 2 to 3') },
        { ...lost, since: HOUR + 10n * second, time: HOUR + 12n * second, detail: detail('batches 1 to 11') },
      ],
    );
    assert.equal(losses.length, 3);
  });

  test('gives an hour whose rows come late a second segment', async (context) => {
    const store = await openStore(context);
    const random = new Random(5);
    // At times of their own: rows of one time have no order.
    const [first, late] = [rowsAt(random, HOUR, 10), rowsAt(random, HOUR + 1000n, 10)];
    await store.append(batchOf(1, { ends: first.ends, time: HOUR + 2n * HOUR_NS }));
    await store.maintain();
    await store.append(batchOf(2, { ends: late.ends, time: HOUR + 4n * HOUR_NS }));
    const { copied } = await store.maintain();
    assert.deepEqual(
      copied.map(({ name }) => name),
      ['ends-2025-11-24T15Z-2.parquet'],
    );
    const byTime = (a: { time: bigint }, b: { time: bigint }) => (a.time < b.time ? -1 : 1);
    assert.deepEqual(await readTable(store, 'ends'), [...first.ends, ...late.ends].sort(byTime));
  });

  test('copies an hour in parts where its rows are too long for the memory', async (context) => {
    const store = await openStore(context, { memoryBytes: 64 * 2 ** 20, temporaryBytes: 2 ** 20 });
    const random = new Random(9);
    for (let number = 1; number <= 12; number++) {
      const ends = Array.from({ length: 2000 }, (_, index) =>
        plainEnd(random, {
          time: HOUR + (HOUR_NS / 12n) * BigInt(number - 1) + BigInt(index),
          command_line: Buffer.from(String(random.wide())).toString('hex').repeat(100),
        }),
      );
      await store.append(batchOf(number, { ends }));
    }
    await store.append(batchOf(13, { time: HOUR + 2n * HOUR_NS }));
    const { copied } = await store.maintain();
    assert.ok(copied.length > 1, String(copied.length));
    assert.equal(
      copied.reduce((sum, { rows }) => sum + rows, 0),
      24_000,
    );
    const [row] = await store.read((session) =>
      session.query(`SELECT count(*), count(DISTINCT flow_ns) FROM ${session.source('ends')}`),
    );
    assert.deepEqual(row, [24_000n, 24_000n]);
  });

  for (const [text, back] of [
    ['an hour', HOUR_NS],
    ['a year', 8766n * HOUR_NS],
  ] as const) {
    test(`keeps the times of rows when the clock is set back by ${text}`, async (context) => {
      const store = await openStore(context);
      const random = new Random(6);
      const before = rowsAt(random, HOUR, 10).ends;
      const after = rowsAt(random, HOUR - back, 10).ends;
      await store.append(batchOf(1, { ends: before, time: HOUR + HOUR_NS - 1n }));
      await store.maintain();
      await store.append(batchOf(2, { ends: after, time: HOUR - back + HOUR_NS - 1n }));
      await store.maintain();
      assert.deepEqual(await readTable(store, 'ends'), [...after, ...before]);
      // The clock comes to the hour of the first rows again.
      await store.append(batchOf(3, { time: HOUR + 3n * HOUR_NS }));
      await store.maintain();
      assert.deepEqual(await readTable(store, 'ends'), [...after, ...before]);
    });
  }

  test('reports what it has, and the last batch of each epoch', async (context) => {
    const store = await openStore(context);
    assert.deepEqual(
      [(await store.status()).segments, store.watermark, store.lastNumber('e'.repeat(32))],
      [0, undefined, 0],
    );
    const { ends } = rowsAt(new Random(10), HOUR, 10);
    await store.append(batchOf(3, { ends, time: HOUR + 2n * HOUR_NS }));
    await store.maintain();
    const status = await store.status();
    assert.deepEqual([status.segments, status.rows, status.readOnly], [1, 10, false]);
    assert.deepEqual([status.begins, status.watermark], [ends[0]!.time, HOUR + 2n * HOUR_NS]);
    assert.ok(status.segmentBytes > 0 && status.databaseBytes > 0 && status.freeBytes > 0);
    assert.deepEqual([store.lastNumber('e'.repeat(32)), store.lastNumber('f'.repeat(32))], [3, 0]);
  });

  test('cannot be opened by a second process while one has it', async (context) => {
    const folder = await temporaryFolder(context);
    await openStore(context, { folder });
    const { spawnSync } = await import('node:child_process');
    const script = `import { HistoryStore } from ${JSON.stringify(new URL('../src/index.js', import.meta.url).href)};
      try { await HistoryStore.open({ folder: ${JSON.stringify(folder)} }); } catch (error) { console.log(error.name, error.message); }`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    assert.match(
      stdout,
      new RegExp(`^${HistoryInUseError.name} .*is open in another process: ask the running server`),
    );
  });

  test('can be read by nobody but its owner', async (context) => {
    const store = await openStore(context);
    await store.append(batchOf(1, { ...rowsAt(new Random(7), HOUR, 10), time: HOUR + 2n * HOUR_NS }));
    await store.maintain();
    const modes = (path: string) => statSync(path).mode & 0o777;
    for (const folder of ['.', 'segments', 'tmp'])
      assert.equal(modes(join(store.folder, folder)), 0o700, folder);
    for (const name of readdirSync(join(store.folder, 'segments')))
      assert.equal(modes(join(store.folder, 'segments', name)), 0o600, name);
    assert.equal(modes(join(store.folder, 'hot.duckdb')), 0o600);
  });

  test('removes the oldest hours, by age and by size, and says nothing about those that remain', async (context) => {
    let uptimeMs = 0;
    const store = await openStore(context, { retention: { ageNs: 5n * HOUR_NS }, uptimeMs: () => uptimeMs });
    const random = new Random(8);
    for (let hour = 0; hour < 10; hour++) {
      uptimeMs = hour * 3_600_000;
      await store.append(
        batchOf(hour + 1, {
          ...rowsAt(random, HOUR + BigInt(hour) * HOUR_NS, 20),
          time: HOUR + BigInt(hour + 1) * HOUR_NS + 61n * second,
        }),
      );
      await store.maintain();
    }
    const ends = await readTable(store, 'ends');
    assert.equal(ends.length, 100);
    assert.ok(ends.every(({ time }) => time >= HOUR + 5n * HOUR_NS));
    assert.ok(!readdirSync(join(store.folder, 'segments')).includes('ends-2025-11-24T15Z-1.parquet'));
    const range = { from: HOUR + HOUR_NS, to: HOUR + 10n * HOUR_NS };
    const { unrecorded } = await queryGroups(store, { range, by: [] });
    assert.equal(unrecorded.length, 1);
    const [gone] = unrecorded;
    assert.equal(gone!.from, range.from);
    assert.ok(gone!.to > HOUR + 5n * HOUR_NS - 300n * second && gone!.to <= HOUR + 5n * HOUR_NS);
  });

  test('does not take what is recorded for unrecorded since a wrong clock was ahead', async (context) => {
    const store = await openStore(context, { retention: { bytes: 1 } });
    const ahead = HOUR + 1000n * HOUR_NS;
    const wrong = rowsAt(new Random(9), ahead, 20);
    await store.append(batchOf(1, { epoch: 'a'.repeat(32), ...wrong, time: ahead + 2n * HOUR_NS }));
    await store.append(batchOf(1, { time: HOUR + 60n * second }));
    assert.ok((await store.maintain()).removed.length > 0);
    await store.append(batchOf(2, { time: HOUR + 180n * second }));
    const range = { from: HOUR + 60n * second, to: HOUR + 180n * second };
    assert.deepEqual((await queryGroups(store, { range, by: [] })).unrecorded, []);
  });

  test('keeps rows of a process beside each other in a segment', async (context) => {
    const store = await openStore(context);
    const random = new Random(11);
    const names = ['curl', 'nginx', 'postgres'];
    const ends = Array.from({ length: 1000 }, (_, index) =>
      randomRow(random, tables.ends, { time: HOUR + BigInt(index), comm: random.pick(names) }),
    );
    await store.append(batchOf(1, { time: HOUR + 2n * HOUR_NS, ends }));
    await store.maintain();
    const rows = await store.read((session) => session.query(`SELECT comm FROM ${session.source('ends')}`));
    const changes = rows.filter(([comm], index) => index > 0 && comm !== rows[index - 1]![0]);
    assert.equal(rows.length, 1000);
    assert.equal(changes.length, 2);
  });
});
