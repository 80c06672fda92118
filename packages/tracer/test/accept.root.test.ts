/** Processes that slept in accept() before the tracer came. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { withNetns } from '@weir/ebpf/sys';
import type { AcceptRecord } from '../src/index.js';
import { assertComplete, collect } from './support/collect.js';
import { assertPairs } from './support/expect.js';
import { accountedBy, availableAcceptHooks } from './support/hooks.js';
import { Load } from './support/load.js';
import { TestNetns } from './support/netns.js';
import { RawSocket } from './support/raw-sockets.js';
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

const SOL_SOCKET = 1;
const SO_LINGER = 13;
const resetAtClose = [1, 0, 0, 0, 0, 0, 0, 0];

describe('an accept for which the ring has no room', () => {
  // A hook at the return of accept() finds the connection in the flow table, which keeps what is to be emitted.
  for (const hook of availableAcceptHooks().filter((name) => name.endsWith(':inet_csk_accept'))) {
    it(`comes before the close, with the process that accepted (${hook})`, async () => {
      using netns = new TestNetns();
      const inside = <T>(action: () => T extends PromiseLike<unknown> ? never : T) =>
        withNetns(`/run/netns/${netns.name}`, action);
      using listener = inside(() => RawSocket.tcp().bind('127.0.0.1').listen());
      const options = { acceptHook: hook, ringBytes: 4096, filter: { netns: [netns.inode] } };
      const { result, records, stats } = await collect(options, async (tracer) => {
        // Nothing is read from the ring before this function waits.
        const connect = () => inside(() => RawSocket.tcp().connect('127.0.0.1', listener.port));
        for (let i = 0; i < 40; i++) {
          using client = connect();
          using accepted = listener.accept();
          assert.notEqual(client.fd, accepted.fd);
        }
        using client = connect();
        const lost = tracer.stats().lost.ring;
        using _accepted = listener.accept();
        const lostByAccept = tracer.stats().lost.ring - lost;
        await sleep(100);
        const { port } = client.setOption(SOL_SOCKET, SO_LINGER, resetAtClose);
        client[Symbol.dispose]();
        return { lost, lostByAccept, port };
      });
      assert.ok(result.lost > 0, 'the ring had room: the test shows nothing');
      assert.equal(result.lostByAccept, 0);
      assert.equal(stats.lost.ring, result.lost);
      const [accept, close, ...rest] = records.filter(
        (record) => 'peer' in record && record.peer?.port === result.port,
      );
      assert.ok(accept?.event === 'accept' && close?.event === 'close', JSON.stringify([accept, close]));
      assert.equal(accept.process?.pid, process.pid);
      assert.equal(accept.accounted, 'accept');
      assert.ok(close.duration_us !== undefined && close.duration_us >= 100_000 - 1000);
      assert.equal(close.closed_by, 'reset');
      assert.deepEqual(rest, []);
    });
  }
});

/** A hook at the return of accept reports these when they are closed. */
function withoutTimes<T extends { accepted_ns?: number }>(reports: readonly T[]): T[] {
  return reports.map(({ accepted_ns, ...rest }) => rest as T);
}
