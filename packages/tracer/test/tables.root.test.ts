/** The kernel-side tables under pressure, and that nothing stays in them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { features as kernelFeatures } from '@weir/ebpf';
import { readKernelFeatures } from '../src/hooks/kernel-features.js';
import type { LostRecord, TraceRecord } from '../src/index.js';
import { targetTypes } from '../src/types/target.js';
import { assertComplete, collect } from './support/collect.js';
import { assertPairs } from './support/expect.js';
import { accountedBy, availableAcceptHooks } from './support/hooks.js';
import { Load, runLoad } from './support/load.js';
import { TestNetns } from './support/netns.js';
import { atScale } from './support/scale.js';

function sumLost(records: readonly TraceRecord[], where: LostRecord['where']): number {
  return records
    .filter((record): record is LostRecord => record.event === 'lost' && record.where === where)
    .reduce((sum, { count }) => sum + count, 0);
}

/** Connections that are all open before the first of them ends. */
async function openAtOnce(netns: TestNetns, count: number): Promise<void> {
  using load = await Load.prepare(netns, 'hold', '--count', String(count));
  load.signal();
  await load.awaitKind('holding');
  await load.run();
}

const { preemptible } = readKernelFeatures(targetTypes(undefined).btf);
const accounted = accountedBy(availableAcceptHooks()[0]!);

describe('the connection table', () => {
  const refused = atScale(20_000);
  it(`is empty after ${refused} refused connects, and later connects are seen`, async () => {
    using netns = new TestNetns();
    let between = Number.NaN;
    const collected = await collect(
      { maxConnections: 1024, filter: { netns: [netns.inode] } },
      async (tracer) => {
        await runLoad(netns, 'refused', '--count', String(refused), '--concurrency', '4');
        between = tracer.stats().connections;
        return await runLoad(netns, 'pairs', '--count', '100');
      },
    );
    assert.equal(between, 0);
    const later = collected.records.filter(({ event }) => event !== 'fail');
    assert.equal(collected.records.length - later.length, refused);
    assertPairs(later, collected.result, { netns: netns.inode, type: 'ipv4', accounted });
    assertComplete(collected);
  });

  it('that is full counts exactly the connects that are missing, and no other event is', async () => {
    using netns = new TestNetns();
    const held = 400;
    const collected = await collect({ maxConnections: 128, filter: { netns: [netns.inode] } }, () =>
      openAtOnce(netns, held),
    );
    const { stats, records } = collected;
    assert.equal(sumLost(records, 'map'), stats.lost.map);
    assert.equal(stats.connections, 0);
    assert.deepEqual(stats.delivered, stats.produced);
    assert.ok(stats.lost.map > 0, 'nothing was lost: the test shows nothing');
    const missing = 4 * held - records.filter(({ event }) => event !== 'lost').length;
    const others = missing - stats.lost.map;
    assert.ok(others >= 0 && others <= stats.lost.probe + stats.lost.missed, JSON.stringify(stats));
  });

  it('that is full is no loss to who wants neither connects nor failures', async () => {
    using netns = new TestNetns();
    const held = 400;
    const { stats } = await collect(
      { maxConnections: 128, filter: { netns: [netns.inode], events: ['accept', 'close'] } },
      () => openAtOnce(netns, held),
    );
    assert.equal(stats.lost.map, 0);
    const missing = 3 * held - (stats.delivered.accept + stats.delivered.close);
    assert.ok(missing >= 0 && missing <= stats.lost.probe + stats.lost.missed, JSON.stringify(stats));
  });
});

for (const [name, features] of [
  ['the ring buffer', kernelFeatures],
  ['the perf buffer', kernelFeatures.without('ringbuf')],
] as const) {
  it(`${name} that is too small counts exactly the events that are missing`, async () => {
    using netns = new TestNetns();
    const count = atScale(5000);
    const collected = await collect({ features, ringBytes: 4096, filter: { netns: [netns.inode] } }, () =>
      runLoad(netns, 'pairs', '--count', String(count), '--concurrency', '4'),
    );
    const { stats, records } = collected;
    const produced = Object.values(stats.produced).reduce((a, b) => a + b, 0);
    const delivered = Object.values(stats.delivered).reduce((a, b) => a + b, 0);
    // Where a process can be preempted in a program, both programs of the lifecycle can be kept from running: the kernel counts that, or an
    // entry that is left over shows it.
    const unseen = stats.lost.probe + stats.lost.missed;
    if (!preemptible) assert.equal(unseen, 0);
    const missing = 4 * count - produced;
    assert.ok(missing >= 0 && missing <= unseen, JSON.stringify(stats));
    assert.ok(stats.lost.ring > 0, 'nothing was lost: the test shows nothing');
    assert.equal(stats.lost.ring, produced - delivered);
    assert.equal(sumLost(records, 'ring'), stats.lost.ring);
    assert.equal(records.filter(({ event }) => event !== 'lost').length, delivered);
    assert.equal(stats.inversions, 0);
    assert.ok(stats.connections <= unseen);
  });
}
