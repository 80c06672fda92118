/** Processes that slept in accept() before the tracer came. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AcceptRecord } from '../src/index.js';
import { assertComplete, collect } from './support/collect.js';
import { assertPairs } from './support/expect.js';
import { accountedBy, availableAcceptHooks } from './support/hooks.js';
import { Load } from './support/load.js';
import { TestNetns } from './support/netns.js';
import { atScale } from './support/scale.js';

const COUNT = atScale(2000);

describe(`${COUNT} accepts that were under way before the start`, () => {
  for (const [index, hook] of availableAcceptHooks().entries()) {
    // Processes take long to start in a guest: they are tried with the hook that is chosen here.
    for (const workers of index === 0 ? ['threads', 'processes'] : ['threads']) {
      it(`by ${workers} are all seen with ${hook}`, async () => {
        using netns = new TestNetns();
        const args = ['blocked-accept', '--count', String(COUNT), '--workers', workers, '--closer', 'server'];
        using load = await Load.prepare(netns, ...args);
        const collected = await collect({ acceptHook: hook, filter: { netns: [netns.inode] } }, () =>
          load.run(),
        );
        assert.equal(collected.result.length, COUNT);
        if (accountedBy(hook) === 'accept') {
          assertPairs(collected.records, withoutTimes(collected.result), {
            netns: netns.inode,
            type: 'ipv4',
          });
        } else {
          // The listening socket was there before: its owner is known by the walk over sockets.
          const accepts = collected.records.filter(
            (record): record is AcceptRecord => record.event === 'accept',
          );
          assert.equal(accepts.length, COUNT);
          assert.equal(collected.records.length, 4 * COUNT);
          for (const accept of accepts) assert.equal(accept.accounted, 'listener');
        }
        assertComplete(collected);
      });
    }
  }
});

/** A hook at the return of accept reports these when they are closed. */
function withoutTimes<T extends { accepted_ns?: number }>(reports: readonly T[]): T[] {
  return reports.map(({ accepted_ns, ...rest }) => rest as T);
}
