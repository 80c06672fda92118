/** Connections of every common kind of record, traced in a namespace of their own: all are reported, with the right values. */
import type { AcceptHook, TracerOptions, TypeChoice } from '../../src/index.js';
import { assertComplete, collect } from './collect.js';
import { assertPairs } from './expect.js';
import { accountedBy } from './hooks.js';
import { runLoad } from './load.js';
import { TestNetns } from './netns.js';

/**
 * @param count Connections.
 * @returns where the tracer's types came from.
 */
export async function assertTracesPairs(options: TracerOptions, count: number): Promise<TypeChoice> {
  using netns = new TestNetns();
  let hook: AcceptHook = 'listener';
  let types: TypeChoice | undefined;
  const collected = await collect({ ...options, filter: { netns: [netns.inode] } }, (tracer) => {
    types = tracer.types;
    hook = tracer.plan.find(({ purpose }) => purpose === 'process that accepts')!.chosen as AcceptHook;
    return runLoad(netns, 'pairs', '--count', String(count), '--send', '1000', '--reply', '313');
  });
  // A hook at the return of accept may report an accept only when its connection ends (docs/architecture.md).
  const late = /^(fexit|kretprobe):/.test(hook);
  const pairs = late ? collected.result.map(({ accepted_ns, ...rest }) => rest) : collected.result;
  assertPairs(collected.records, pairs, { netns: netns.inode, type: 'ipv4', accounted: accountedBy(hook) });
  assertComplete(collected);
  return types!;
}
