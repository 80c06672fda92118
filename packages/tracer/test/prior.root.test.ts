/** Connections and listeners from before the start; sockets that change hands. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { features } from '@weir/ebpf';
import { withNetns } from '@weir/ebpf/sys';
import type { CloseRecord } from '../src/index.js';
import { assertComplete, collect } from './support/collect.js';
import { Load, runLoad } from './support/load.js';
import { TestNetns } from './support/netns.js';
import { RawSocket } from './support/raw-sockets.js';

const COUNT = 200;

describe('connections from before the start', () => {
  for (const closer of ['client', 'reset-client', 'client-unread']) {
    it(`closed by ${closer} are reported once, with owner, bytes and, where it can be known, direction`, async () => {
      using netns = new TestNetns();
      const args = ['hold', '--count', String(COUNT), '--send', '77', '--reply', '1234', '--closer', closer];
      using load = await Load.prepare(netns, ...args);
      load.signal();
      await load.awaitKind('holding');
      let walked = false;
      const collected = await collect({ filter: { netns: [netns.inode] } }, (tracer) => {
        walked = tracer.plan.some(({ chosen }) => chosen === 'iterator:task_file');
        return load.run();
      });
      const closes = collected.records as readonly CloseRecord[];
      assert.ok(closes.every(({ event }) => event === 'close'));
      assert.equal(closes.length, 2 * COUNT);
      const pairs = new Map(
        collected.result.filter(({ kind }) => kind === 'pair').map((pair) => [pair.client.port, pair]),
      );
      for (const close of closes) {
        const isClient = pairs.has(close.local.port);
        const pair = pairs.get(isClient ? close.local.port : close.peer.port);
        assert.ok(pair !== undefined, JSON.stringify(close));
        assert.equal(close.duration_us, undefined);
        if (!walked) continue;
        assert.equal(close.process?.pid, isClient ? pair.client.pid : pair.server.pid);
        assert.equal(close.direction, isClient ? 'outbound' : 'inbound', JSON.stringify(close));
        assert.equal(close.bytes_sent, isClient ? pair.bytes_client_to_server : pair.bytes_server_to_client);
        assert.equal(
          close.bytes_received,
          isClient ? pair.bytes_server_to_client : pair.bytes_client_to_server,
        );
      }
      assertComplete(collected);
    });
  }
});

it('connections from before the start that no walk has found are not reported where a process that the filter excludes closes them', async () => {
  using netns = new TestNetns();
  using load = await Load.prepare(netns, 'hold', '--count', '10');
  load.signal();
  await load.awaitKind('holding');
  const filter = { netns: [netns.inode], pids: [process.pid] };
  const { records } = await collect({ features: features.without('iterators'), filter }, () => load.run());
  assert.deepEqual(records, []);
});

describe('connections whose socket another process has', () => {
  for (const how of ['fork', 'scm']) {
    it(`are reported with the process that closes them (${how})`, async () => {
      using netns = new TestNetns();
      const collected = await collect({ filter: { netns: [netns.inode] } }, () =>
        runLoad(netns, 'pass', '--count', '50', '--how', how),
      );
      assert.equal(collected.records.length, 4 * 50);
      for (const passed of collected.result) {
        const [accept, close, ...rest] = collected.records.filter(
          (record) =>
            record.event !== 'lost' &&
            record.event !== 'fd_install' &&
            record.local.port === passed.server.port &&
            record.peer.port === passed.client.port,
        );
        assert.deepEqual(rest, []);
        assert.ok(accept?.event === 'accept' && close?.event === 'close');
        assert.equal(accept.process?.pid, passed.server.pid);
        assert.equal(close.process?.pid, passed.closed_by?.pid);
      }
      assertComplete(collected);
    });
  }
});

describe('a connection that waited to be accepted at the start', () => {
  for (const [what, peerCloses] of [
    ['open', false],
    ['half closed by the peer', true],
  ] as const) {
    it(`is closed by the process that leaves its data unread (${what})`, async () => {
      using netns = new TestNetns();
      const inside = <T>(action: () => T extends PromiseLike<unknown> ? never : T) =>
        withNetns(`/run/netns/${netns.name}`, action);
      const { listener, client } = inside(() => {
        const waiting = RawSocket.tcp().bind('127.0.0.1').listen();
        const connected = RawSocket.tcp().connect('127.0.0.1', waiting.port);
        connected.send(7);
        if (peerCloses) connected.shutdown(1);
        return { listener: waiting, client: connected };
      });
      const port = inside(() => listener.port);
      const collected = await collect({ filter: { netns: [netns.inode], pids: [process.pid] } }, async () => {
        listener.accept()[Symbol.dispose]();
        client[Symbol.dispose]();
        listener[Symbol.dispose]();
      });
      const close = collected.records.find(
        (record) => record.event === 'close' && record.local.port === port,
      );
      assert.ok(close?.event === 'close', JSON.stringify(collected.records));
      assert.equal(close.process?.pid, process.pid);
      assert.equal(close.closed_by, peerCloses ? 'peer' : 'local');
      assert.equal(close.filter, undefined);
      assert.equal(close.bytes_received, 7);
    });
  }
});
