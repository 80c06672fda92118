/** Rings: known ones, shares by weight, and how few slots move. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OptionError } from '@weir/ebpf';
import { RING_SIZE } from '../src/datapath/hash/flow.js';
import { addressSeed } from '../src/datapath/hash/seed.js';
import { buildRing, type RingMember, type RingVersion } from '../src/datapath/ring.js';

function members(count: number, weight: (i: number) => number = () => 1): RingMember[] {
  return Array.from({ length: count }, (_, i) => ({
    number: i + 1,
    seed: addressSeed(`10.0.${(i + 1) >> 8}.${(i + 1) & 0xff}`),
    weight: weight(i),
  }));
}

/** Numbers of slots, by number of the real. */
function shares(ring: Uint16Array, count: number): number[] {
  const slots = new Array<number>(count + 1).fill(0);
  for (const real of ring) slots[real]!++;
  return slots;
}

describe('known rings', () => {
  it('three equal reals have the known ring of version 1', () => {
    const ring = buildRing(members(3), 1);
    assert.deepEqual([...ring.subarray(0, 16)], [2, 1, 3, 2, 1, 3, 3, 1, 1, 2, 1, 2, 2, 1, 2, 3]);
    assert.deepEqual(
      shares(ring, 3).sort((a, b) => a - b),
      [0, 21845, 21846, 21846],
    );
    assert.equal(ring.length, RING_SIZE);
  });

  it('equal weights give the same ring in both versions, whatever their order', () => {
    const reals = members(7);
    assert.deepEqual(buildRing(reals, 2), buildRing(reals, 1));
    assert.deepEqual(buildRing([...reals].reverse(), 2), buildRing(reals, 2));
  });

  it('one real has the whole ring, and no real an empty one', () => {
    const [one] = members(1);
    assert.deepEqual(shares(buildRing([one!]), 1), [0, RING_SIZE]);
    assert.deepEqual(shares(buildRing([]), 0), [RING_SIZE]);
    assert.deepEqual(shares(buildRing([{ ...one!, weight: 0 }]), 0), [RING_SIZE]);
  });

  it('invalid weights are refused', () => {
    for (const weight of [-1, 0.5, Number.NaN]) {
      assert.throws(() => buildRing(members(2, () => weight)), OptionError);
    }
  });
});

describe('weights', () => {
  it('shares of the ring follow weights within 1 %', () => {
    for (const weight of [(i: number) => i + 1, (i: number) => (i === 0 ? 100 : 50), () => 3]) {
      const reals = members(10, weight);
      const total = reals.reduce((sum, real) => sum + real.weight, 0);
      const slots = shares(buildRing(reals), 10);
      for (const real of reals) {
        const wanted = (RING_SIZE * real.weight) / total;
        assert.ok(
          Math.abs(slots[real.number]! - wanted) <= 0.01 * wanted,
          `${slots[real.number]} of ${wanted}`,
        );
      }
    }
  });

  it('a real of weight 0 gets no slot', () => {
    assert.equal(shares(buildRing(members(5, (i) => (i === 2 ? 0 : 10))), 5)[3], 0);
  });
});

/** Number of slots that moved from a remaining real to another. */
function moved(count: number, version: RingVersion): number {
  const reals = members(count);
  const gone = reals[Math.floor(count / 2)]!;
  const before = buildRing(reals, version);
  const after = buildRing(
    reals.filter((real) => real !== gone),
    version,
  );
  let changed = 0;
  for (const [slot, real] of before.entries()) {
    if (real !== gone.number && after[slot] !== real) changed++;
  }
  return changed / RING_SIZE;
}

describe('removal of a real', () => {
  for (const [count, limit] of [
    [3, 0.25],
    [10, 0.1],
    [100, 0.05],
  ] as const) {
    it(`removal of one of ${count} reals moves few slots of the others`, (t) => {
      const share = moved(count, 2);
      t.diagnostic(`${(100 * share).toFixed(2)} % of the slots move from one surviving real to another`);
      assert.ok(share < limit, `${share}`);
    });
  }
});
