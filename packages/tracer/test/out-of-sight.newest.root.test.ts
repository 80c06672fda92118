/** Connections in network namespaces that no process is in, on a running tracer. */
import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { features } from '@weir/ebpf';
import { DescriptorQueue, withNetns } from '@weir/ebpf/sys';
import { type LiveConnections, Tracer } from '../src/index.js';
import { TestNetns } from './support/netns.js';
import { RawSocket } from './support/raw-sockets.js';

const PORT = 7777;
/** More refreshes than those after which a socket that is not found counts as gone. */
const REFRESHES = 15;

const shown = (live: LiveConnections) =>
  [...live].filter(({ peer }) => peer.port === PORT).map(({ state, bytes_sent }) => `${state} ${bytes_sent}`);

describe('a connection in a network namespace that no process is in', () => {
  for (const [holder, since] of [
    ['a socket', 'before'],
    ['a socket', 'after'],
    ['a descriptor', 'before'],
    ['a descriptor', 'after'],
  ] as const) {
    it(`is read where ${holder} holds the namespace, opened ${since} the start`, async (t) => {
      if (holder === 'a socket' && !features.has('kernel_btf')) {
        t.skip(
          "needs the kernel's types, for an iterator over sockets (CONFIG_DEBUG_INFO_BTF, Linux 5.4 and later)",
        );
        return;
      }
      const netns = new TestNetns();
      const sockets: RawSocket[] = [];
      const open = () =>
        withNetns(`/run/netns/${netns.name}`, () => {
          const listener = RawSocket.tcp().bind('127.0.0.1', PORT).listen();
          const client = RawSocket.tcp().connect('127.0.0.1', PORT);
          sockets.push(client, listener.accept(), listener);
        });
      if (since === 'before') open();
      const descriptor = holder === 'a descriptor' ? openSync(`/run/netns/${netns.name}`, 'r') : undefined;
      // Nothing but this process's descriptors holds it from now on; sockets of this process are in it.
      if (since === 'before') netns[Symbol.dispose]();
      await using tracer = Tracer.start({ filter: { netns: [netns.inode] } });
      using live = tracer.connections({ udp: false });
      await live.refresh();
      if (since === 'after') {
        open();
        await live.refresh();
        netns[Symbol.dispose]();
      }
      sockets[0]!.send(1000);
      for (let count = 0; count < REFRESHES; count++) {
        await sleep(20);
        await live.refresh();
        assert.deepEqual([live.totals.vanished, live.totals.ended], [0, 0]);
      }
      // Without iterators, descriptors are walked through once a second.
      for (
        const end = Date.now() + 60_000;
        shown(live)[0] !== 'established 1000' && Date.now() < end;
        await sleep(50)
      )
        await live.refresh();
      assert.deepEqual(shown(live), ['established 1000']);
      assert.deepEqual([live.totals.vanished, live.totals.ended, live.failures], [0, 0, []]);
      for (const socket of sockets) socket[Symbol.dispose]();
      if (descriptor !== undefined) closeSync(descriptor);
      for (const deadline = Date.now() + 60_000; live.size > 0 && Date.now() < deadline; await sleep(50))
        await live.refresh();
      assert.deepEqual([live.totals.ended, live.totals.vanished], [2, 0]);
    });
  }
});

it('a connection whose sockets are under way in a message stays until its end', async () => {
  const netns = new TestNetns();
  await using tracer = Tracer.start({ filter: { netns: [netns.inode] } });
  using live = tracer.connections({ udp: false });
  const sockets: RawSocket[] = [];
  withNetns(`/run/netns/${netns.name}`, () => {
    const listener = RawSocket.tcp().bind('127.0.0.1', PORT).listen();
    sockets.push(RawSocket.tcp().connect('127.0.0.1', PORT), listener.accept(), listener);
  });
  sockets[0]!.send(1000);
  await live.refresh();
  const queue = DescriptorQueue.create();
  queue.put(
    'sockets',
    sockets.map(({ fd }) => fd),
  );
  // From now on there is no way into the namespace, and no process has the sockets.
  for (const socket of sockets) socket[Symbol.dispose]();
  netns[Symbol.dispose]();
  for (let count = 0; count < REFRESHES; count++) {
    await sleep(20);
    await live.refresh();
  }
  assert.deepEqual(shown(live), ['undefined 1000']);
  assert.deepEqual([live.totals.vanished, live.totals.ended], [0, 0]);
  assert.match(String(live.failures[0]?.error), /2 connections of it are shown as they were last seen/);
  queue[Symbol.dispose]();
  for (const deadline = Date.now() + 60_000; live.size > 0 && Date.now() < deadline; await sleep(50))
    await live.refresh();
  assert.deepEqual([live.totals.ended, live.totals.vanished, live.failures], [2, 0, []]);
});

it('a namespace that only a descriptor holds is read without iterators, too', async () => {
  const netns = new TestNetns();
  const sockets: RawSocket[] = [];
  withNetns(`/run/netns/${netns.name}`, () => {
    const listener = RawSocket.tcp().bind('127.0.0.1', PORT).listen();
    sockets.push(RawSocket.tcp().connect('127.0.0.1', PORT), listener.accept(), listener);
  });
  const descriptor = openSync(`/run/netns/${netns.name}`, 'r');
  netns[Symbol.dispose]();
  await using tracer = Tracer.start({
    features: features.without('iterators'),
    filter: { netns: [netns.inode] },
  });
  using live = tracer.connections({ udp: false });
  sockets[0]!.send(1000);
  await live.refresh();
  assert.deepEqual(shown(live), ['established 1000']);
  for (const socket of sockets) socket[Symbol.dispose]();
  closeSync(descriptor);
});
