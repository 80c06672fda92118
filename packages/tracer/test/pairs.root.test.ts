/** Connections that come about: every family, every way to end, every way to see accepts. */
import { describe, it } from 'node:test';
import { assertComplete, collect } from './support/collect.js';
import { assertPairs } from './support/expect.js';
import { accountedBy, availableAcceptHooks } from './support/hooks.js';
import { type LoadReport, runLoad } from './support/load.js';
import { TestNetns } from './support/netns.js';
import { atScale } from './support/scale.js';

const COUNT = atScale(1000);
/** For rarer ways to end, and for the ways to see accepts that would not be chosen here. */
const LESSER_COUNT = atScale(200);
const families = ['4', '6', 'mapped'] as const;
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

interface Pairs {
  readonly family: (typeof families)[number];
  readonly closer: string;
  readonly count: number;
}

/** Makes connections of several kinds one after the other, before one tracer: starting one takes longer than they do. */
async function trace(hook: ReturnType<typeof availableAcceptHooks>[number], kinds: readonly Pairs[]) {
  using netns = new TestNetns();
  const collected = await collect({ acceptHook: hook, filter: { netns: [netns.inode] } }, async () => {
    const reports: LoadReport[] = [];
    for (const { family, closer, count } of kinds) {
      const load = ['pairs', '--count', String(count), '--family', family, '--closer', closer];
      reports.push(
        ...(await runLoad(netns, ...load, '--send', '1000', '--reply', '313', '--concurrency', '4')),
      );
    }
    return reports;
  });
  // A hook at the return of accept may report an accept only when its connection ends (docs/architecture.md).
  const late = /^(fexit|kretprobe):/.test(hook);
  const pairs = late ? collected.result.map(({ accepted_ns, ...rest }) => rest) : collected.result;
  assertPairs(collected.records, pairs, { netns: netns.inode, accounted: accountedBy(hook) });
  assertComplete(collected);
}

const [best, ...others] = availableAcceptHooks();

describe('connections give exactly their records', () => {
  for (const family of families) {
    it(`by ${best} over IPv${family}, ended in every way, up to ${COUNT} each`, () => {
      const count = (closer: string) => (principal.includes(closer) ? COUNT : LESSER_COUNT);
      return trace(
        best!,
        closers.map((closer) => ({ family, closer, count: count(closer) })),
      );
    });
  }
  for (const hook of others) {
    it(`by ${hook}, of every family, ${LESSER_COUNT} each`, () => {
      const ended = ['client', 'reset-server', 'server-unread'];
      return trace(
        hook,
        families.map((family, index) => ({ family, closer: ended[index]!, count: LESSER_COUNT })),
      );
    });
  }
});
