import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RingLosses } from '../src/stream/ring-losses.js';

const SECOND = 1e9;
const produced = (...counts: number[]) => counts.map((own, cpu) => ({ cpu, produced: own, lostRing: 0 }));

describe('events missing from the ring', () => {
  it('are no loss while they may still arrive', () => {
    const ring = new RingLosses(2, () => 0);
    ring.read[0] = 90;
    ring.observe(produced(100, 0), 5 * SECOND);
    assert.equal(ring.readUpTo(5 * SECOND + 1e6), false);
    assert.equal(ring.lost(produced(100, 0)), 0);
    ring.read[0] = 100;
    assert.equal(ring.readUpTo(6 * SECOND), true);
    assert.equal(ring.lost(produced(100, 0)), 0);
  });

  it('are lost once the ring was read beyond them, on each CPU by itself', () => {
    const ring = new RingLosses(2, () => 0);
    ring.observe(produced(100, 50), 5 * SECOND);
    // What CPU 1 produced since makes up for nothing on CPU 0.
    ring.read[0] = 93;
    ring.read[1] = 60;
    assert.equal(ring.readUpTo(6 * SECOND), true);
    assert.equal(ring.lost(produced(100, 60)), 7);
    // A busy time hides what was known before from no later report.
    ring.observe(produced(200, 100), 10 * SECOND);
    ring.read[0] = 5000;
    assert.equal(ring.readUpTo(11 * SECOND), true);
    assert.equal(ring.lost(produced(5007, 100)), 7 + 40);
  });

  it('count as the programs or the kernel report them, where those know more', () => {
    const ring = new RingLosses(2, (cpu) => (cpu === 1 ? 3 : 0));
    const counts = [
      { cpu: 0, produced: 10, lostRing: 4 },
      { cpu: 1, produced: 10, lostRing: 0 },
    ];
    assert.equal(ring.lost(counts), 7);
  });

  it('are exactly what is missing at the end, whatever was reported before', () => {
    const ring = new RingLosses(2, () => 1);
    ring.read[0] = 10;
    ring.read[1] = 4;
    ring.finish(produced(10, 10));
    assert.equal(ring.lost(produced(10, 10)), 6);
  });
});
