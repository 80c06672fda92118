/** Rings that another thread builds: the same as without it, whether it is early, late or dead. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { RING_SIZE } from '../src/datapath/hash/flow.js';
import { addressSeed } from '../src/datapath/hash/seed.js';
import { buildRing, type RingInputs } from '../src/datapath/rings/ring.js';
import { RingCache } from '../src/datapath/rings/ring-cache.js';
import { RingThread, type RingThreadData } from '../src/datapath/rings/ring-thread.js';
import { SharedRings } from '../src/datapath/rings/shared-rings.js';

function inputs(count: number): RingInputs[] {
  return Array.from({ length: count }, (_, ring) => ({
    members: Array.from({ length: 1 + (ring % 4) }, (_, i) => ({
      number: 1 + 4 * ring + i,
      seed: addressSeed(`10.0.${ring}.${i}`),
      weight: 1 + ((ring + i) % 3),
    })),
    version: ring % 5 === 0 ? 1 : 2,
  }));
}

function built({ members, version }: RingInputs): Uint16Array {
  return buildRing(members, version);
}

/** How many rings are claimed. */
function claimed({ memory }: SharedRings): Int32Array {
  return new Int32Array(memory, 0, 1);
}

function startWorker(rings: readonly RingInputs[], shared: SharedRings): Worker {
  const workerData: RingThreadData = { rings, memory: shared.memory };
  return new Worker(new URL('../src/datapath/rings/ring-worker.js', import.meta.url), { workerData });
}

describe('a thread that builds rings', () => {
  it('builds no more than its slots hold, hands them over in order, and ends behind the last', async () => {
    const rings = inputs(150);
    const shared = new SharedRings(rings.length);
    const worker = startWorker(rings, shared);
    const exited = once(worker, 'exit');
    while (Atomics.load(claimed(shared), 0) < 32) await setImmediate();
    const ring = new Uint16Array(RING_SIZE);
    let taken = 0;
    for (const [index, each] of rings.entries()) {
      if (shared.take(index, ring)) {
        taken++;
        assert.deepEqual(ring, built(each), `ring ${index}`);
      }
      if (index === 0) assert.ok(Atomics.load(claimed(shared), 0) <= 33);
    }
    assert.ok(taken >= 32, `${taken} rings of the thread`);
    assert.deepEqual(await exited, [0]);
  });

  it('ends when no further ring is needed, while it waits for a slot', async () => {
    const rings = inputs(100);
    const shared = new SharedRings(rings.length);
    const exited = once(startWorker(rings, shared), 'exit');
    while (Atomics.load(claimed(shared), 0) < 32) await setImmediate();
    shared.end();
    assert.deepEqual(await exited, [0]);
  });

  it('is said to have failed, and its rings are left to its user', async (t) => {
    if (availableParallelism() < 2) return t.skip('needs two CPUs');
    const rings = inputs(64);
    const wrong = rings.map(({ members, version }) => ({
      members: members.map((each) => ({ ...each, weight: -1 })),
      version,
    }));
    let warning: Error | undefined;
    process.once('warning', (each) => {
      warning = each;
    });
    using thread = RingThread.start(wrong);
    // The thread does not keep this process from ending.
    while (warning === undefined) await setImmediate();
    assert.match(warning.message, /^rings are built by one thread alone: .*weight -1: expected/);
    assert.equal(thread?.take(0, new Uint16Array(RING_SIZE)), false);
    assert.equal(thread?.take(1, new Uint16Array(RING_SIZE)), false);
  });

  it('is not started for a few rings', () => {
    assert.equal(RingThread.start(inputs(63)), undefined);
  });
});

describe('a cache with such a thread', () => {
  /** Asks for all rings, some of them a second and a third time: soon after, or when they are no longer kept. */
  function assertAll(startThread: typeof RingThread.start, rings: readonly RingInputs[]): void {
    const asked = rings.flatMap((each, index) => [
      each,
      rings[index >> 1]!,
      ...(index % 7 === 0 ? [each] : []),
    ]);
    const cache = new RingCache(startThread);
    for (const _round of [1, 2]) {
      using _ = cache.expect(asked);
      for (const [index, each] of asked.entries())
        assert.deepEqual(cache.get(each), built(each), `number ${index}`);
    }
  }

  it('has the same rings as without', () => {
    assertAll(RingThread.start, inputs(200));
  });

  it('has the same rings as without, where the thread is early', () => {
    let early = 0;
    assertAll((wanted) => {
      const shared = new SharedRings(wanted.length);
      startWorker(wanted, shared);
      const idle = new Int32Array(new SharedArrayBuffer(4));
      while (Atomics.load(claimed(shared), 0) < 32) Atomics.wait(idle, 0, 0, 1);
      early++;
      return new RingThread(wanted, shared);
    }, inputs(120));
    assert.equal(early, 2);
  });

  it('expects a ring again that is asked for again when it is no longer kept, and only then', () => {
    const rings = inputs(20);
    const [first] = rings;
    let expected: readonly RingInputs[] = [];
    const cache = new RingCache((wanted) => {
      expected = wanted;
      return undefined;
    });
    cache.expect([...rings.slice(0, 16), first!, first!, ...rings.slice(16), rings[1]!, first!]);
    assert.deepEqual(
      expected.map((each) => rings.indexOf(each)),
      [...rings.keys(), 1],
    );
  });

  it('has those that the thread built before it was asked', () => {
    let ahead = 0;
    assertAll((wanted) => {
      const shared = new SharedRings(wanted.length);
      ahead = wanted.length;
      shared.buildAll((index, ring) => ring.set(built(wanted[index]!)));
      return new RingThread(wanted, shared);
    }, inputs(20));
    assert.ok(ahead > 0 && ahead < 32, `${ahead} rings`);
  });

  it('builds all rings itself if the thread dies', () => {
    assertAll((wanted) => {
      const shared = new SharedRings(wanted.length);
      // It had begun with the first three.
      claimed(shared)[0] = 3;
      return new RingThread(wanted, shared);
    }, inputs(40));
  });

  it('builds the next ring while the thread builds the one that is asked for', () => {
    const rings = inputs(3);
    const shared = new SharedRings(rings.length);
    claimed(shared)[0] = 1;
    const thread = new RingThread(rings, shared);
    assert.equal(thread.claimNext(0), rings[1]);
    assert.equal(thread.claimNext(0), undefined);
    assert.equal(claimed(shared)[0], 2);
  });
});
