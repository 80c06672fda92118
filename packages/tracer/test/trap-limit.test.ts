import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TrapLimit } from '../src/hooks/accept-breakpoint-link.js';

const CPUS = 2;

describe('the limit of traps at accept()', () => {
  it('lets a busy server pass', () => {
    const limit = new TrapLimit();
    for (let second = 1; second < 60; second++)
      assert.ok(limit.allows(second * 40_000, CPUS, second * 1000, 1000), `second ${second}`);
  });

  it('switches the breakpoint off for ten seconds at a flood of handshakes, and then tries again', () => {
    const limit = new TrapLimit();
    assert.ok(limit.allows(1000, CPUS, 500, 500));
    assert.ok(!limit.allows(101_000, CPUS, 1000, 500));
    // Detached, it counts no more.
    assert.ok(!limit.allows(0, CPUS, 1500, 500));
    assert.ok(!limit.allows(0, CPUS, 10_999, 500));
    assert.ok(limit.allows(0, CPUS, 11_000, 500));
    assert.ok(limit.allows(15_000, CPUS, 11_500, 500));
    assert.ok(!limit.allows(60_000, CPUS, 12_000, 500));
  });

  it('takes a late check for what it is', () => {
    assert.ok(new TrapLimit().allows(100_000, CPUS, 3000, 3000));
  });
});
