import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HistoryStore, type Segment } from '../src/index.js';
import { expired } from '../src/store/retention.js';
import { RetentionClock } from '../src/store/retention-clock.js';
import { plainEnd } from './support/plain-rows.js';
import { Random } from './support/random-rows.js';
import { batchOf, HOUR, HOUR_NS, readTable, temporaryFolder } from './support/store.js';

const HOUR_MS = 3_600_000;

/** Three tables of ten hours, of 100 bytes each. */
const segments: Segment[] = Array.from({ length: 30 }, (_, index) => {
  const hour = 10 - Math.floor(index / 3);
  const from = BigInt(hour) * HOUR_NS;
  const table = ['ends', 'intervals', 'opens'][index % 3]!;
  return {
    table,
    hour,
    part: 1,
    name: `${table}-${hour}`,
    rows: 1,
    bytes: 100,
    from,
    to: from + HOUR_NS - 1n,
    version: 1,
  };
});
const now = 11n * HOUR_NS;
const hours = (found: readonly Segment[]) => found.map(({ hour }) => hour);

describe('segments that have to go', () => {
  test('are none without a limit', () => {
    assert.deepEqual(expired(segments, {}, now, 1e9), []);
  });

  test('are those whose last row is too old', () => {
    assert.deepEqual(hours(expired(segments, { ageNs: 9n * HOUR_NS }, now, 0)), [1, 1, 1]);
    assert.deepEqual(hours(expired(segments, { ageNs: 9n * HOUR_NS + 1n }, now, 0)), []);
  });

  test('are the oldest hours as a whole, until the rest fits', () => {
    assert.deepEqual(hours(expired(segments, { bytes: 3000 }, now, 0)), []);
    assert.deepEqual(hours(expired(segments, { bytes: 2999 }, now, 0)), [1, 1, 1]);
    assert.deepEqual(hours(expired(segments, { bytes: 3000 }, now, 301)), [1, 1, 1, 2, 2, 2]);
    assert.equal(expired(segments, { bytes: 100 }, now, 1000).length, 30);
  });

  test('are counted once where both limits want them gone', () => {
    assert.deepEqual(
      hours(expired(segments, { ageNs: 9n * HOUR_NS, bytes: 2400 }, now, 0)),
      [1, 1, 1, 2, 2, 2],
    );
  });
});

describe('the clock of retention', () => {
  test('follows the watermark, also backwards', () => {
    const clock = new RetentionClock();
    assert.equal(clock.now(HOUR, 0), HOUR);
    assert.equal(clock.now(HOUR + HOUR_NS, HOUR_MS), HOUR + HOUR_NS);
    assert.equal(clock.now(HOUR - 1000n * HOUR_NS, HOUR_MS), HOUR - 1000n * HOUR_NS);
  });

  test('goes on as before when the clock is set forward by a year, and trusts it after a day', () => {
    const clock = new RetentionClock();
    const year = 8766n * HOUR_NS;
    clock.now(HOUR, 0);
    assert.equal(clock.now(HOUR + year, HOUR_MS), HOUR + HOUR_NS);
    assert.equal(clock.now(HOUR + year + 22n * HOUR_NS, 23 * HOUR_MS), HOUR + 23n * HOUR_NS);
    assert.equal(clock.now(HOUR + year + 24n * HOUR_NS, 25 * HOUR_MS), HOUR + year + 24n * HOUR_NS);
  });

  test('forgets the jump when the clock is set right again', () => {
    const clock = new RetentionClock();
    clock.now(HOUR, 0);
    clock.now(HOUR + 1000n * HOUR_NS, HOUR_MS);
    assert.equal(clock.now(HOUR + 30n * HOUR_NS, 30 * HOUR_MS), HOUR + 30n * HOUR_NS);
    assert.equal(clock.now(HOUR + 1000n * HOUR_NS, 31 * HOUR_MS), HOUR + 31n * HOUR_NS);
  });

  test('waits for a day of running time, however often the process starts', () => {
    const year = 8766n * HOUR_NS;
    let kept = { time: HOUR, jumpedMs: 0 };
    for (let start = 0; start < 23; start++) {
      const clock = new RetentionClock(kept);
      clock.now(HOUR + year + BigInt(start) * HOUR_NS, 0);
      assert.ok(clock.now(HOUR + year + BigInt(start + 1) * HOUR_NS, HOUR_MS) < HOUR + 24n * HOUR_NS);
      kept = clock.kept!;
    }
    const clock = new RetentionClock(kept);
    clock.now(HOUR + year + 24n * HOUR_NS, 0);
    assert.equal(clock.now(HOUR + year + 26n * HOUR_NS, 2 * HOUR_MS), HOUR + year + 26n * HOUR_NS);
  });

  test('keeps its time while a host begins at 1970, until the network has set its clock', () => {
    const clock = new RetentionClock({ time: HOUR, jumpedMs: 0 });
    assert.equal(clock.now(0n, 0), 0n);
    assert.equal(clock.now(HOUR + HOUR_NS, HOUR_MS), HOUR + HOUR_NS);
    assert.deepEqual(clock.kept, { time: HOUR + HOUR_NS, jumpedMs: 0 });
  });
});

describe('a history of a host whose clock is wrong', () => {
  const month = 30n * 24n * HOUR_NS;
  const year = 8766n * HOUR_NS;
  const oldest = (store: HistoryStore) =>
    store.read((session) => session.query('SELECT hour FROM recent.segments ORDER BY hour LIMIT 1'));

  test('keeps its rows when the host boots a year ahead, several times, and is then set right', async (context) => {
    const folder = await temporaryFolder(context);
    const options = { folder, retention: { ageNs: month } };
    const epoch = (run: number) => String(run).padStart(32, '0');
    const run = async (number: number, time: bigint, isShort = false) => {
      const store = await HistoryStore.open({ ...options, minimumFreeBytes: 0, uptimeMs: () => 0 });
      const ends = [plainEnd(new Random(number + 1), { time: time - 2n * HOUR_NS })];
      await store.append(batchOf(1, { epoch: epoch(number), started: time - 3n * HOUR_NS, time, ends }));
      if (!isShort) await store.maintain();
      const [first] = await oldest(store);
      const rows = await readTable(store, 'ends');
      await store.close();
      return { first, rows: rows.length };
    };
    // It may have run for so short that it copied nothing.
    await run(0, HOUR, true);
    const { first, rows } = await run(1, HOUR + year);
    assert.ok(first !== undefined);
    assert.equal(rows, 2);
    for (let number = 2; number < 5; number++)
      assert.deepEqual(await run(number, HOUR + year + BigInt(number) * HOUR_NS), {
        first,
        rows: number + 1,
      });
    assert.deepEqual(await run(5, HOUR + 6n * HOUR_NS), { first, rows: 6 });
  });
});
