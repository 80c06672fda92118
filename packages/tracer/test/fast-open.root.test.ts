/** Connections that a process accepts with the first segment (TCP Fast Open), before their handshake is over. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withNetns } from '@weir/ebpf/sys';
import type { ConnectionRecord } from '../src/index.js';
import { assertComplete, collect } from './support/collect.js';
import { availableAcceptHooks } from './support/hooks.js';
import { TestNetns } from './support/netns.js';
import { RawSegments, TcpFlag } from './support/raw-segments.js';
import { RawSocket } from './support/raw-sockets.js';

const SOL_TCP = 6;
const TCP_FASTOPEN = 23;
/** A SYN with the option but without a cookie, which the server does not ask for; padded. */
const fastOpenOption = [34, 2, 1, 1];
const peer = { address: '10.9.9.9', port: 40_001 };
const payload = 'early';

/** A namespace in which segments from the peer arrive, and nothing that is sent to it. */
function silentPeer(): TestNetns {
  const netns = new TestNetns();
  netns.ip('link', 'add', 'c0', 'type', 'veth', 'peer', 'name', 'c1');
  netns.ip('address', 'add', '10.9.9.1/24', 'dev', 'c0');
  netns.ip('link', 'set', 'c0', 'up');
  netns.ip('link', 'set', 'c1', 'up');
  // Servers without cookies, for all listening sockets (include/net/tcp.h).
  netns.sysctl('net/ipv4/tcp_fastopen', 0x602);
  return netns;
}

/** The peer sends a SYN with data, which is accepted and read; then it resets the connection. */
function acceptAndReset(): void {
  using listener = RawSocket.tcp().bind('10.9.9.1').setOption(SOL_TCP, TCP_FASTOPEN, 16).listen();
  using segments = new RawSegments();
  const to = { address: '10.9.9.1', port: listener.port };
  const sequence = 1000;
  segments.send({ from: peer, to, sequence, flags: TcpFlag.syn, options: fastOpenOption, payload });
  using accepted = listener.accept();
  assert.equal(accepted.receive(100), payload.length);
  segments.send({ from: peer, to, sequence: sequence + 1 + payload.length, flags: TcpFlag.rst });
  assert.ok(accepted.receive(100) < 0, 'the reset was taken');
}

describe('a connection by Fast Open that its peer resets before the handshake is over', () => {
  for (const acceptHook of availableAcceptHooks()) {
    it(`is closed, not failed, with ${acceptHook}`, async () => {
      using netns = silentPeer();
      const options = { filter: { netns: [netns.inode] }, acceptHook };
      const collected = await collect(options, async () =>
        withNetns(`/run/netns/${netns.name}`, () => acceptAndReset()),
      );
      const records = collected.records as ConnectionRecord[];
      const close = records.at(-1);
      assert.ok(close?.event === 'close', JSON.stringify(records));
      assert.equal(close.closed_by, 'reset');
      assert.equal(close.direction, 'inbound');
      assert.deepEqual(close.peer, peer);
      assert.equal(close.bytes_received, payload.length);
      assert.deepEqual(
        records.filter(({ event }) => event !== 'close' && event !== 'accept'),
        [],
      );
      assertComplete(collected);
    });
  }
});
