/** What a fleet takes, in small numbers that can be checked by hand. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planFleet } from '../src/clickhouse/fleet.js';
import { simulateMerges } from '../src/clickhouse/merges.js';

/** Parts that come in the first seconds, and time after them. */
const load = (first: readonly (readonly number[])[], more: number) => ({
  arrivals: (second: number) => first[second] ?? [],
  seconds: first.length + more,
});

describe('simulated merges', () => {
  it('make one part of five that are alike, and write each row once', () => {
    const five = load([[10, 10, 10, 10], [10]], 3);
    const figures = simulateMerges({ ...five, rowsPerSecond: 100, threads: 1, mostRows: 1e9 });
    assert.deepEqual(figures, {
      inserted: 50,
      merged: 50,
      parts: 5,
      merges: 1,
      mostParts: 5,
      leftParts: 1,
      seconds: 5,
    });
  });

  it('leave a large part alone until its neighbours have grown', () => {
    const six = load([[1000], [1, 1, 1, 1, 1]], 10);
    const { leftParts, merged } = simulateMerges({ ...six, rowsPerSecond: 1e6, threads: 4, mostRows: 1e9 });
    assert.deepEqual([leftParts, merged], [2, 5]);
  });

  it('write rows again as often as the logarithm of the number of parts', () => {
    const many = load(Array(625).fill([1]), 50);
    const { inserted, merged, leftParts } = simulateMerges({
      ...many,
      rowsPerSecond: 1e6,
      threads: 4,
      mostRows: 1e9,
    });
    assert.ok(merged / inserted > 2.5 && merged / inserted <= 4.5, `${merged / inserted}`);
    assert.ok(leftParts <= 20, `${leftParts}`);
  });

  it('make no part that is too large', () => {
    const many = load(Array(50).fill([10]), 50);
    const { leftParts } = simulateMerges({ ...many, rowsPerSecond: 1e6, threads: 1, mostRows: 99 });
    assert.ok(leftParts >= 500 / 99);
  });
});

describe('a fleet', () => {
  const costs = { insertUs: 3, mergeUs: 1, rowBytes: 50, cores: 16, share: 0.5 };
  const fleet = { hosts: 1000, rowsPerSecond: 100, days: 30, spreadSeconds: 300, insertRows: 250_000 };

  it('is counted', () => {
    const figures = planFleet(fleet, costs, 2);
    assert.equal(figures.rowsPerDay, 8.64e9);
    assert.equal(figures.bytesPerDay, 432e9);
    assert.equal(figures.bytesKept, 30 * 432e9);
    // 360,000 rows an hour are two inserts.
    assert.equal(figures.insertsPerSecond, 2000 / 3600);
    assert.equal(figures.shards, 1);
    assert.equal(figures.merges.inserted, 1000 * 360_000 * 2);
    assert.equal(figures.merges.parts, 4000);
  });

  it('waits where a server has too many parts, and ships all the same', () => {
    const crowd = { ...fleet, hosts: 5_000, spreadSeconds: 60 };
    const { merges, lastSeconds } = planFleet(crowd, { ...costs, insertUs: 1, cores: 64 }, 1);
    assert.ok(merges.mostParts <= 1000, `${merges.mostParts}`);
    assert.equal(merges.inserted, 5_000 * 360_000);
    assert.ok(lastSeconds > 60, `${lastSeconds}`);
  });

  it('takes as many servers as its rows take cores', () => {
    const { shards, load } = planFleet({ ...fleet, hosts: 10_000, spreadSeconds: 3300 }, costs, 2);
    // A million rows a second, at 3 µs and a few rewrites of 1 µs, on 8 cores each.
    assert.equal(shards, 1);
    assert.ok(load > 0.3 && load <= 0.5, `${load}`);
    assert.ok(planFleet({ ...fleet, hosts: 10_000, rowsPerSecond: 1000 }, costs, 1).shards >= 4);
  });
});
