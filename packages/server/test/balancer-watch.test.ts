import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Status } from '@weir/balancer/control';
import { nextLookMs } from '../src/balancer/balancer-watch.js';
import { realsOf, seenOf, silentBalancer } from '../src/balancer/seen-balancer.js';
import { jsonFrame, MAX_BALANCERS_BYTES } from '../src/wire/frame.js';
import { readMessage } from '../src/wire/messages.js';

const traffic = { packets: 5, bytes: 500, packetsPerSecond: 0, bytesPerSecond: 0 };

/** A status with so many VIPs, each with so many reals. */
function statusWith(vips: number, reals: number, name = 'v'): Status {
  const counters = { packets: 9, transmitted: 5, passed: 3, dropped: 1 } as Status['counters'];
  const real = { weight: 2, ringWeight: 0, share: 0, drained: true, condition: 'down', reason: 'x', traffic };
  const vip = { port: 80, protocol: 'tcp', forwarding: 'tunnel', state: 'up' } as const;
  return {
    ...{ name: 'edge', version: '1', pid: 7, started: '2026-01-01T00:00:00.000Z', routers: [], over: 0 },
    interfaces: [{ interface: 'eth0', mode: undefined }],
    vips: Array.from({ length: vips }, (_, v) => ({
      ...{ ...vip, ...traffic, flags: [], name: `${name}${v}`, address: '198.51.100.1' },
      reals: Array.from({ length: reals }, (_, r) => ({
        ...{ ...real, condition: 'down' as const },
        ...{ name: `${name}${r}`, address: '2001:db8:1234:1234:1234:1234:1234:1234' },
      })),
    })),
    ...{ counters, rates: counters },
  };
}

describe('looks at balancers', () => {
  it('are rarer where each takes long, not where some do', () => {
    assert.equal(nextLookMs([3_000], 5_000), 5_000);
    assert.equal(nextLookMs([40, 3_000, 900], 5_000), 5_000);
    assert.equal(nextLookMs([40, 300, 200, 250], 5_000), 10_000);
    assert.equal(nextLookMs([3_000, 3_000, 3_000], 5_000), 60_000);
  });
});

describe('what a collector sends of a balancer', () => {
  it('has what the status has', () => {
    const seen = seenOf(statusWith(1, 1));
    assert.deepEqual(
      [seen.packets, seen.interfaces, seen.omitted],
      [{ tx: 5, pass: 3, drop: 1 }, [{ name: 'eth0' }], 0],
    );
    assert.equal(seen.vips[0]!.reals[0]!.packets, 5);
    const message = { at: 1, balancers: [seen, silentBalancer('other')] };
    const payload = Buffer.from(JSON.stringify(message));
    assert.deepEqual(readMessage('balancers', payload), message);
  });

  it('is bounded, and says how much is left out', () => {
    const seen = seenOf(statusWith(1_200, 50, 'n'.repeat(5_000)));
    assert.equal(seen.vips.length, 1_000);
    assert.equal(realsOf(seen), 4_000);
    assert.equal(seen.omitted, 200 * 51 + 46_000);
    assert.ok(jsonFrame('balancers', { at: 1, balancers: [seen] }).length < MAX_BALANCERS_BYTES);
  });
});
