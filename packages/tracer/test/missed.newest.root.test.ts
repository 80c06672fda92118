/** Ends for which the kernel runs no program: found by what they leave in the flow table. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type Btf, kernelBtf } from '@weir/ebpf';
import { readKernelFeatures } from '../src/hooks/kernel-features.js';
import { planHooks } from '../src/hooks/plan.js';
import { TracerPrograms } from '../src/hooks/programs.js';
import { Case, runCase } from './support/cases.js';
import { TestNetns } from './support/netns.js';

/** undefined where the test is skipped: the kernel has no iterators. */
function typesForIterators(t: TestContext): Btf | undefined {
  const btf = kernelBtf();
  if (btf === undefined) t.skip("needs the kernel's types (CONFIG_DEBUG_INFO_BTF, Linux 5.4 and later)");
  return btf;
}

describe('ends that no program saw', () => {
  it('are counted once, while connections that live are not', async (t) => {
    const btf = typesForIterators(t);
    if (btf === undefined) return;
    using netns = new TestNetns();
    const { plan } = planHooks(readKernelFeatures(btf));
    assert.ok(plan.closedFlows);
    using programs = new TracerPrograms(plan, btf, { filter: { netns: [netns.inode] } });
    programs.attach(plan);
    assert.equal(programs.closedFlows?.count(), 0);
    const living = new Case(netns, 'held');
    await living.ready;
    const ending = new Case(netns, 'disconnected');
    await ending.ready;
    const flows = () => [...programs.collection.map('flows').keys()].length;
    assert.equal(flows(), 4);
    assert.equal(programs.closedFlows?.count(), 4);
    assert.equal(programs.closedFlows?.look(), 0);
    // From now on, no program runs.
    programs.detach();
    await ending.resume();
    assert.equal(programs.closedFlows?.look(), 2);
    assert.equal(programs.closedFlows?.missed, 0);
    assert.equal(programs.closedFlows?.look(), 0);
    assert.equal(programs.closedFlows?.missed, 2);
    assert.equal(programs.closedFlows?.count(), 2);
    assert.equal(flows(), 2);
    await ending.finish();
    await living.finish();
  });

  it('are no ends of connections that were seen', async (t) => {
    const btf = typesForIterators(t);
    if (btf === undefined) return;
    using netns = new TestNetns();
    const { plan } = planHooks(readKernelFeatures(btf));
    using programs = new TracerPrograms(plan, btf, { filter: { netns: [netns.inode] } });
    programs.attach(plan);
    await runCase(netns, 'thread');
    await runCase(netns, 'self');
    for (let i = 0; i < 2; i++) assert.equal(programs.closedFlows?.look(), 0);
    assert.equal(programs.closedFlows?.missed, 0);
  });
});
