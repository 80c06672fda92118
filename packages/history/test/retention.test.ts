import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Segment } from '../src/index.js';
import { expired } from '../src/store/retention.js';
import { RetentionClock } from '../src/store/retention-clock.js';
import { HOUR, HOUR_NS } from './support/store.js';

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
});
