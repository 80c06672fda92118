/** UDP flows, counted by each set of hooks that the running kernel offers. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { withNetns } from '@weir/ebpf';
import { ConnectionTable, processFinder, type UdpFlow } from '../src/connections/index.js';
import { planUdp, SocketOwners, SocketReader, UdpCounter, udpFacts } from '../src/sockets/index.js';
import { targetTypes } from '../src/types/target.js';
import { TestNetns } from './support/netns.js';
import { MSG_DONTWAIT, MSG_PEEK, MSG_TRUNC, RawSocket } from './support/raw-sockets.js';

const { btf, source } = targetTypes(undefined);
const facts = udpFacts(btf);
const mechanisms = (['fentry', 'kprobe', 'cgroup'] as const).filter((mechanism) => {
  const only = {
    ...facts,
    fentry: facts.fentry && mechanism === 'fentry',
    kprobe: facts.kprobe && mechanism === 'kprobe',
  };
  const { mechanism: found } = planUdp(only);
  return found === mechanism;
});

const show = ({ local, peer, direction, ...flow }: UdpFlow) =>
  `${direction} ${local.address}:${local.port} ${peer.address}:${peer.port} ` +
  `sent ${flow.datagrams_sent}/${flow.bytes_sent} received ${flow.datagrams_received}/${flow.bytes_received}`;

const families = [
  { name: 'IPv4', ipv6: false, local: '127.0.0.1', shown: '127.0.0.1', to: '127.0.0.1' },
  { name: 'IPv6', ipv6: true, local: '::1', shown: '::1', to: '::1' },
  { name: 'IPv4 through IPv6 sockets', ipv6: true, local: '::', shown: '127.0.0.1', to: '::ffff:127.0.0.1' },
];

/** A device that is no loopback, whose other end nobody has. */
function connectWire(netns: TestNetns): void {
  netns.ip('link', 'add', 'wire', 'type', 'veth', 'peer', 'name', 'far');
  netns.ip('addr', 'add', '192.0.2.1/24', 'dev', 'wire');
  for (const device of ['wire', 'far']) netns.ip('link', 'set', device, 'up');
  netns.ip('route', 'add', 'default', 'dev', 'wire');
}

it('there is a way to count UDP', () => assert.ok(mechanisms.length > 0));

for (const mechanism of mechanisms) {
  /** Discovered types do not tell a packet hook in which network namespace a socket is made. */
  const tellsNetns = mechanism !== 'cgroup' || source === 'kernel';
  /** Loading and attaching takes long in a guest: one counter serves nearly all tests. */
  let shared: UdpCounter;

  /** What `body` made in a network namespace of its own: flows that live, and those that ended with their sockets. */
  const count = (body: (netns: TestNetns) => void, counter = shared) => {
    using netns = new TestNetns();
    withNetns(`/run/netns/${netns.name}`, () => body(netns));
    const collection = counter.collect();
    assert.equal(counter.missedRuns, 0);
    const inode = tellsNetns ? netns.inode : 0;
    const live = collection.live.filter((flow) => flow.netns === inode);
    const ended = collection.ended.filter(({ flow }) => flow.netns === inode);
    for (const flow of [...live, ...ended.map((end) => end.flow)]) {
      assert.equal(flow.process?.pid, process.pid);
      assert.ok(flow.started_ns <= flow.active_ns);
    }
    return { live, ended, lost: collection.lost };
  };

  describe(`UDP by ${mechanism}`, () => {
    before(() => {
      shared = new UdpCounter({ mechanism, btf });
    });
    after(() => shared[Symbol.dispose]());

    for (const { name, ipv6, local, shown, to } of families) {
      it(`${name}: a request and its reply, connected and not`, () => {
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

    it('peeks, errors, empty and cut datagrams', () => {
      let port = 0;
      const { ended } = count(() => {
        using server = RawSocket.udp().bind('127.0.0.1');
        using client = RawSocket.udp().bind('127.0.0.1').connect('127.0.0.1', server.port);
        port = client.port;
        for (const length of [100, 0, 7]) client.send(length);
        for (let i = 0; i < 3; i++) assert.equal(server.receive(1000, MSG_PEEK), 100);
        assert.equal(server.receive(10), 10);
        assert.equal(server.receive(1000), 0);
        assert.equal(server.receive(3, MSG_TRUNC), 7);
        assert.ok(server.receive(10, MSG_DONTWAIT) < 0);
        assert.ok(client.send(70_000) < 0, 'EMSGSIZE');
        using unconnected = RawSocket.udp();
        assert.ok(unconnected.send(5) < 0, 'EDESTADDRREQ');
        using refused = RawSocket.udp().bind('127.0.0.1');
        const nobody = refused.port;
        refused[Symbol.dispose]();
        using caller = RawSocket.udp().connect('127.0.0.1', nobody);
        assert.equal(caller.send(1), 1);
        assert.ok(caller.send(1) < 0, 'ECONNREFUSED');
      });
      const lines = ended.map(({ flow }) => show(flow));
      const sent = lines.filter((line) => line.startsWith(`outbound 127.0.0.1:${port} `));
      assert.match(sent.join(), /sent 3\/107 received 0\/0$/);
      const inbound = lines.filter((line) => line.startsWith('inbound'));
      // By packets, what arrives counts, whole.
      assert.match(inbound.join(), mechanism === 'cgroup' ? /received 3\/107$/ : /received 3\/17$/);
      assert.equal(
        lines.filter((line) => / sent 1\/1 received 0\/0$/.test(line)).length,
        1,
        lines.join('\n'),
      );
      assert.equal(lines.length, 3);
    });

    it('several calls that make one datagram, one call that makes several', () => {
      const MSG_MORE = 0x8000;
      const [levelUdp, segment, gro] = [17, 103, 104];
      const { ended } = count(() => {
        using server = RawSocket.udp().bind('127.0.0.1');
        using client = RawSocket.udp().connect('127.0.0.1', server.port);
        client.send(10, MSG_MORE);
        client.send(20, MSG_MORE);
        client.send(30);
        assert.equal(server.receive(1000), 60);
        client.setOption(levelUdp, segment, 1000);
        assert.equal(client.send(4500), 4500);
        for (const length of [1000, 1000, 1000, 1000, 500]) assert.equal(server.receive(9000), length);
        using taker = RawSocket.udp().bind('127.0.0.1').setOption(levelUdp, gro, 1);
        using giver = RawSocket.udp().connect('127.0.0.1', taker.port).setOption(levelUdp, segment, 1000);
        giver.send(3001);
        let received = 0;
        while (received < 3001) received += taker.receive(65_000);
      });
      assert.deepEqual(
        ended.map(({ flow }) => show(flow).replace(/\S+:\d+ /g, '')).sort(),
        [
          'inbound sent 0/0 received 6/4560',
          'outbound sent 6/4560 received 0/0',
          'inbound sent 0/0 received 4/3001',
          'outbound sent 4/3001 received 0/0',
        ].sort(),
      );
    });

    it('a flood of one byte, and a server with 1,000 peers', () => {
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

    it('groups and everyone', () => {
      const [socketLevel, reuseAddress, broadcast] = [1, 2, 6];
      const [ipLevel, multicastInterface, addMembership] = [0, 32, 35];
      for (const [device, address, send] of [
        ['lo', '127.0.0.1', ['224.0.0.251']],
        ['wire', '192.0.2.1', ['224.0.0.251', '255.255.255.255']],
      ] as const) {
        let port = 0;
        const bytes = address.split('.').map(Number);
        const { ended } = count((netns) => {
          if (device === 'wire') connectWire(netns);
          const group = [...[224, 0, 0, 251], ...bytes];
          const receivers = [1, 2].map(() =>
            RawSocket.udp()
              .setOption(socketLevel, reuseAddress, 1)
              .bind('0.0.0.0', 5353)
              .setOption(ipLevel, addMembership, group),
          );
          using sender = RawSocket.udp()
            .bind(address)
            .setOption(socketLevel, broadcast, 1)
            .setOption(ipLevel, multicastInterface, bytes);
          port = sender.port;
          for (const to of send) {
            for (let i = 0; i < 5; i++) assert.equal(sender.send(11, 0, { address: to, port: 5353 }), 11);
          }
          for (const receiver of receivers) {
            for (let i = 0; i < 5 * send.length; i++) assert.equal(receiver.receive(99), 11);
            receiver[Symbol.dispose]();
          }
        });
        const expected = send.flatMap((to) => [
          `inbound ${to}:5353 ${address}:${port} sent 0/0 received 5/55`,
          `inbound ${to}:5353 ${address}:${port} sent 0/0 received 5/55`,
          `outbound ${address}:${port} ${to}:5353 sent 5/55 received 0/0`,
        ]);
        assert.deepEqual(ended.map(({ flow }) => show(flow)).sort(), expected.sort());
      }
    });

    it('a socket from before the start, of which a refresh tells where the kernel does not', () => {
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

    it('an idle flow ends, and the next datagram begins another', () => {
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

    it('a full table loses nothing without a word', () => {
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
