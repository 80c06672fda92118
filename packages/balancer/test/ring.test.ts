/** Rings: known ones, shares by weight, and how few slots move. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OptionError } from '@weir/ebpf';
import { RING_SIZE } from '../src/datapath/hash/flow.js';
import { murmur3Pair } from '../src/datapath/hash/murmur3.js';
import { addressSeed } from '../src/datapath/hash/seed.js';
import { buildRing, type RingMember, type RingVersion } from '../src/datapath/rings/ring.js';
import { RingCache } from '../src/datapath/rings/ring-cache.js';
import { multiply, sortByStep } from '../src/datapath/rings/ring-orders.js';

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

describe('kept rings', () => {
  it('a kept ring is that of the same reals, weights and version, however many there were since', () => {
    const cache = new RingCache();
    const ring = cache.get({ members: members(3), version: 1 });
    assert.equal(cache.get({ members: members(3), version: 1 }), ring);
    assert.notDeepEqual(cache.get({ members: members(3, (i) => i + 1), version: 2 }), ring);
    const renumbered = members(3).map((each) => ({ ...each, number: each.number + 7 }));
    assert.deepEqual(
      cache.get({ members: renumbered, version: 1 }),
      ring.map((number) => number + 7),
    );
    for (let count = 4; count < 40; count++)
      assert.deepEqual(cache.get({ members: members(count), version: 2 }), buildRing(members(count)));
    assert.deepEqual(cache.get({ members: members(3), version: 1 }), buildRing(members(3), 1));
  });
});

describe('memory of rings', () => {
  it('a ring in memory with any content is that in memory of its own', () => {
    const memory = new Uint16Array(RING_SIZE).fill(0xabcd);
    for (const count of [12, 1, 3, 0, 200, 2]) {
      assert.equal(buildRing(members(count), 1, memory), memory);
      assert.deepEqual(memory, buildRing(members(count), 1), `${count} reals`);
    }
  });

  it('the cache puts later rings into the memory of the one asked for least recently, and keeps no more', () => {
    const cache = new RingCache();
    const memories = new Set<Uint16Array>();
    for (let count = 2; count < 60; count++) memories.add(cache.get({ members: members(count), version: 1 }));
    assert.equal(memories.size, 16);
    const kept = cache.get({ members: members(59), version: 1 });
    for (let count = 2; count < 17; count++) cache.get({ members: members(count), version: 1 });
    assert.deepEqual(kept, buildRing(members(59), 1));
  });
});

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

/** The same by the letter: each real tries its positions one after the other, with a division for each. */
function slowRing(reals: readonly RingMember[], version: RingVersion): Uint16Array {
  const sorted = reals.filter(({ weight }) => weight > 0).sort((a, b) => (a.seed < b.seed ? -1 : 1));
  const orders = sorted.map(({ number, seed, weight }) => ({
    number,
    weight,
    credit: 0,
    position: Number(murmur3Pair(seed, 42n, 0n) % BigInt(RING_SIZE)),
    skip: Number(murmur3Pair(seed, 2718281828n, 2307n) % BigInt(RING_SIZE - 1)) + 1,
  }));
  const largest = Math.max(...sorted.map(({ weight }) => weight));
  const ring = new Uint16Array(RING_SIZE);
  for (let left = RING_SIZE, round = 0; ; round++) {
    for (const order of orders) {
      let turns = version === 1 && round === 0 ? order.weight : 1;
      if (version === 2) {
        order.credit += order.weight;
        turns = order.credit >= largest ? 1 : 0;
        order.credit -= turns * largest;
      }
      for (; turns > 0; turns--) {
        let slot: number;
        do {
          slot = order.position % RING_SIZE;
          order.position = (order.position + order.skip) % 2 ** 32;
        } while (ring[slot] !== 0);
        ring[slot] = order.number;
        if (--left === 0) return ring;
      }
    }
  }
}

describe('rings by short cuts', () => {
  for (const version of [1, 2] as const)
    for (const count of [2, 3, 10, 300])
      it(`have every slot as without, version ${version}, ${count} reals`, () => {
        // With two reals, positions pass 2^32.
        for (let sample = 0; sample < 8; sample++) {
          const reals = members(count, () => Math.ceil(Math.random() * (sample % 2 === 0 ? 1 : 100))).map(
            (real) => ({
              ...real,
              seed: BigInt.asUintN(64, real.seed * 0x9ddfea08eb382d69n + BigInt(sample)),
            }),
          );
          assert.deepEqual(buildRing(reals, version), slowRing(reals, version), JSON.stringify(reals, text));
        }
      });
});

describe('the last slots', () => {
  /** The same by the letter. A step of 65536 comes back to the start before it has come to the last slot. */
  function slowOrder(slots: readonly number[], start: number, skip: number): number[] {
    const wanted = new Set(slots);
    const order = new Set<number>();
    let position = start;
    for (let step = 0; step < 3 * RING_SIZE; step++, position = (position + skip) % 2 ** 32)
      if (wanted.has(position % RING_SIZE)) order.add(position % RING_SIZE);
    return [...new Set([...order, ...slots])];
  }

  it('are in the order of positions that wrap at 32 bits', () => {
    const some = [0, 1, 2, 3, 77, 65534, 65535, 65536];
    const steps = new Uint32Array(Math.ceil(RING_SIZE / 32));
    for (const start of [0, 1, 2, 500, 65535, 65536])
      for (const skip of [1, 2, 32768, 65535, 65536])
        for (const slots of [some, some.slice(1), some.slice(0, -1), [0, 1]]) {
          const order = new Int32Array(slots.length);
          sortByStep(order, Int32Array.from(slots), start, skip, steps);
          assert.deepEqual([...order], slowOrder(slots, start, skip), `from ${start} by ${skip}`);
        }
    assert.ok(steps.every((word) => word === 0));
  });

  it('need products modulo the size of a ring', () => {
    const some = [0, 1, 2, 255, 256, 257, 32768, 46341, 65534, 65535, 65536];
    for (const a of some)
      for (const b of some) assert.equal(multiply(a, b), (a * b) % RING_SIZE, `${a} times ${b}`);
  });
});

/** For JSON, which has no big numbers. */
function text(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

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
