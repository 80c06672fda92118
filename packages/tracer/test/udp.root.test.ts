/** UDP flows, counted by each set of hooks that the running kernel offers. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { withNetns } from '@weir/ebpf/sys';
import { ConnectionTable, processFinder } from '../src/connections/index.js';
import { SocketOwners, SocketReader, UdpCounter } from '../src/sockets/index.js';
import { TestNetns } from './support/netns.js';
import { RawSocket } from './support/raw-sockets.js';
import { btf, countFlows, makeCounter, mechanisms, show } from './support/udp.js';

const families = [
  { name: 'IPv4', ipv6: false, local: '127.0.0.1', shown: '127.0.0.1', to: '127.0.0.1' },
  { name: 'IPv6', ipv6: true, local: '::1', shown: '::1', to: '::1' },
  { name: 'IPv4 through IPv6 sockets', ipv6: true, local: '::', shown: '127.0.0.1', to: '::ffff:127.0.0.1' },
];

it('this kernel has a way to count UDP', () => assert.ok(mechanisms.length > 0));

for (const mechanism of mechanisms) {
  /** Loading and attaching takes long in a guest: one counter serves nearly all tests. */
  let shared: UdpCounter;
  const count = (body: (netns: TestNetns) => void, counter = shared) => countFlows(mechanism, counter, body);

  describe(`UDP counted by ${mechanism}`, () => {
    before(() => {
      shared = makeCounter(mechanism);
    });
    after(() => shared[Symbol.dispose]());

    for (const { name, ipv6, local, shown, to } of families) {
      it(`has exact figures of a request and its reply over ${name}, connected and not`, () => {
        let ports: number[] = [];
        const { live, ended } = count(() => {
          using server = RawSocket.udp(ipv6).bind(local);
          using connected = RawSocket.udp(ipv6).connect(to, server.port);
          using open = RawSocket.udp(ipv6).bind(local);
          ports = [server.port, connected.port, open.port];
          connected.send(33);
          open.send(44, 0, { address: to, port: server.port });
          server.receive(1000);
          server.receive(1000);
          server.send(500, 0, { address: to, port: connected.port });
          connected.receive(1000);
          const { live } = shared.collect();
          assert.equal(live.filter(({ local }) => ports.includes(local.port)).length, 4);
        });
        const [server, connected, open] = ports;
        assert.deepEqual(live, []);
        assert.deepEqual(
          ended.map(({ flow }) => show(flow)).sort(),
          [
            `outbound ${shown}:${connected} ${shown}:${server} sent 1/33 received 1/500`,
            `outbound ${shown}:${open} ${shown}:${server} sent 1/44 received 0/0`,
            `inbound ${shown}:${server} ${shown}:${connected} sent 1/500 received 1/33`,
            `inbound ${shown}:${server} ${shown}:${open} sent 0/0 received 1/44`,
          ].sort(),
        );
        assert.ok(
          ended.every(({ closed_by, flow, ended_ns }) => closed_by === 'local' && ended_ns >= flow.active_ns),
        );
      });
    }

    it('has exact figures of a flood of single bytes, and of a server with 1,000 peers', () => {
      const flood = 2000;
      const { ended, lost } = count(() => {
        using server = RawSocket.udp().bind('127.0.0.1');
        using client = RawSocket.udp().connect('127.0.0.1', server.port);
        for (let i = 0; i < flood; i++) {
          client.send(1);
          server.receive(9);
        }
        // All at once: a port that is free again might be given to a later one.
        const peers = Array.from({ length: 1000 }, () => RawSocket.udp().connect('127.0.0.1', server.port));
        for (const peer of peers) {
          peer.send(2);
          server.receive(9);
          peer[Symbol.dispose]();
        }
      });
      assert.equal(ended.length, 2002);
      const sum = (name: 'datagrams_sent' | 'bytes_sent' | 'datagrams_received' | 'bytes_received') =>
        ended.reduce((total, { flow }) => total + flow[name], 0);
      assert.deepEqual(
        [sum('datagrams_sent'), sum('bytes_sent'), sum('datagrams_received'), sum('bytes_received')],
        [flood + 1000, flood + 2000, flood + 1000, flood + 2000],
      );
      assert.deepEqual(lost, { datagrams: 0, bytes: 0 });
    });

    it('finds the owner of a socket from before the start by a refresh, where the kernel programs do not know it', () => {
      using netns = new TestNetns();
      const table = new ConnectionTable();
      const reader = new SocketReader({ netns: [netns.inode] });
      const owners = new SocketOwners();
      withNetns(`/run/netns/${netns.name}`, () => {
        using server = RawSocket.udp().bind('127.0.0.1');
        using client = RawSocket.udp().connect('127.0.0.1', server.port);
        using counter = new UdpCounter({ mechanism, btf });
        client.send(21);
        server.receive(99);
        owners.step(Number.POSITIVE_INFINITY);
        table.refresh(reader, processFinder(owners));
        const { live } = counter.collect((cookie) => table.openSockets.ofCookie(cookie));
        table.udpFlows(live.filter((flow) => flow.netns === netns.inode));
        const flows = [...table.connections()];
        assert.deepEqual(
          flows.map(({ process, transport }) => `${transport} ${process?.pid}`),
          [`udp ${process.pid}`, `udp ${process.pid}`],
        );
        assert.deepEqual([table.totals.bytes_sent, table.totals.bytes_received], [21, 21]);
      });
    });

    it('ends an idle flow, and begins another with the next datagram', () => {
      using netns = new TestNetns();
      using counter = new UdpCounter({ mechanism, btf, idleMs: 200 });
      withNetns(`/run/netns/${netns.name}`, () => {
        using server = RawSocket.udp().bind('127.0.0.1');
        using client = RawSocket.udp().connect('127.0.0.1', server.port);
        client.send(5);
        const own = () => {
          const { live, ended } = counter.collect();
          return { live, ended: ended.map((end) => `${end.closed_by} ${end.flow.bytes_sent}`) };
        };
        const first = own().live.find(({ bytes_sent }) => bytes_sent === 5);
        assert.ok(first !== undefined);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 250);
        assert.ok(own().ended.includes('idle 5'));
        client.send(6);
        const second = own().live.find(({ bytes_sent }) => bytes_sent === 6);
        assert.ok(second !== undefined);
        assert.notEqual(second.flow_id, first.flow_id);
      });
    });

    it('counts every datagram for which a table has no room', () => {
      using counter = new UdpCounter({ mechanism, btf, maxFlows: 64 });
      const { live, ended, lost } = count(() => {
        using server = RawSocket.udp().bind('127.0.0.1');
        for (let i = 0; i < 100; i++) {
          using peer = RawSocket.udp().connect('127.0.0.1', server.port);
          peer.send(3);
          server.receive(9);
        }
      }, counter);
      const counted = [...live, ...ended.map(({ flow }) => flow)].reduce(
        (sum, { datagrams_sent, datagrams_received }) => sum + datagrams_sent + datagrams_received,
        0,
      );
      assert.ok(lost.datagrams > 0);
      assert.equal(counted + lost.datagrams, 200);
      assert.equal(lost.bytes, 3 * lost.datagrams);
    });
  });
}
