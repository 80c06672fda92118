/** Connections that come about: every family, every way to end, every way to see accepts. */
import { describe, it } from 'node:test';
import { assertComplete, collect } from './support/collect.js';
import { assertPairs } from './support/expect.js';
import { accountedBy, availableAcceptHooks } from './support/hooks.js';
import { runLoad } from './support/load.js';
import { TestNetns } from './support/netns.js';

const COUNT = 1000;
/** For rarer ways to end, and for the ways to see accepts that would not be chosen here. */
const LESSER_COUNT = 200;
const families = [
  ['4', 'ipv4'],
  ['6', 'ipv6'],
  ['mapped', 'ipv4'],
] as const;
const closers = [
  'client',
  'server',
  'half-client',
  'half-server',
  'simultaneous',
  'reset-client',
  'reset-server',
  'client-unread',
  'server-unread',
];
const principal = ['client', 'server', 'reset-client', 'reset-server'];

async function trace(
  hook: ReturnType<typeof availableAcceptHooks>[number],
  family: (typeof families)[number],
  closer: string,
  count = COUNT,
): Promise<void> {
  using netns = new TestNetns();
  const [familyOption, type] = family;
  const load = ['pairs', '--count', String(count), '--family', familyOption, '--closer', closer];
  const collected = await collect({ acceptHook: hook, filter: { netns: [netns.inode] } }, () =>
    runLoad(netns, ...load, '--send', '1000', '--reply', '313', '--concurrency', '4'),
  );
  // A hook at the return of accept may tell of an accept only when its connection ends (docs/architecture.md).
  const late = /^(fexit|kretprobe):/.test(hook);
  const pairs = late ? collected.result.map(({ accepted_ns, ...rest }) => rest) : collected.result;
  assertPairs(collected.records, pairs, {
    netns: netns.inode,
    type,
    accounted: accountedBy(hook),
  });
  assertComplete(collected);
}

const [best, ...others] = availableAcceptHooks();

describe('connections give exactly their records', () => {
  for (const family of families) {
    for (const closer of closers) {
      const count = principal.includes(closer) ? COUNT : LESSER_COUNT;
      it(`${count} by ${best}, IPv${family[0]}, ended by ${closer}`, () =>
        trace(best!, family, closer, count));
    }
  }
  for (const hook of others) {
    for (const [index, closer] of ['client', 'reset-server', 'server-unread'].entries()) {
      const family = families[index % families.length]!;
      it(`${LESSER_COUNT} by ${hook}, IPv${family[0]}, ended by ${closer}`, () =>
        trace(hook, family, closer, LESSER_COUNT));
    }
  }
});
