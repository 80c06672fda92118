/** Sockets and UDP of a kernel whose IPv6 is switched off. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { withNetns } from '@weir/ebpf/sys';
import { planUdp, readUdpFeatures, SocketReader, UdpCounter } from '../src/sockets/index.js';
import { targetTypes } from '../src/types/target.js';
import { TestNetns } from './support/netns.js';
import { RawSocket } from './support/raw-sockets.js';

it('sockets are read and UDP is counted without IPv6', () => {
  const { btf } = targetTypes(undefined);
  const { mechanism } = planUdp(readUdpFeatures(btf));
  assert.ok(mechanism !== undefined);
  using netns = new TestNetns();
  using counter = new UdpCounter({ mechanism, btf });
  withNetns(`/run/netns/${netns.name}`, () => {
    using server = RawSocket.udp().bind('127.0.0.1');
    using client = RawSocket.udp().connect('127.0.0.1', server.port);
    using listener = RawSocket.tcp().bind('127.0.0.1').listen();
    client.send(7);
    assert.equal(server.receive(99), 7);
    const ports: number[] = [];
    const { failed } = new SocketReader({ netns: [netns.inode] }).read(({ localPort }) =>
      ports.push(localPort),
    );
    assert.deepEqual(failed, []);
    assert.deepEqual(ports.sort(), [server.port, client.port, listener.port].sort());
    const own = counter.collect().live.filter(({ local }) => ports.includes(local.port));
    assert.deepEqual(
      own.map(({ bytes_sent, bytes_received }) => bytes_sent + bytes_received),
      [7, 7],
    );
  });
});
