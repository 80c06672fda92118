/** Which datagrams count, and with how many bytes: what was sent, and what was delivered. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { kernelAtLeast } from '@weir/ebpf';
import { parseMappedPrefix } from '@weir/ebpf/address';
import { withNetns } from '@weir/ebpf/sys';
import type { UdpCounter } from '../src/sockets/index.js';
import { runLoad } from './support/load.js';
import { TestNetns } from './support/netns.js';
import { MSG_DONTWAIT, MSG_PEEK, MSG_TRUNC, RawSocket } from './support/raw-sockets.js';
import {
  countFlows,
  makeCounter,
  mayMiss,
  mechanisms,
  show,
  showCounts,
  showWithoutEnds,
} from './support/udp.js';

/** A device that is no loopback, whose other end nobody has. */
function connectWire(netns: TestNetns): void {
  netns.ip('link', 'add', 'wire', 'type', 'veth', 'peer', 'name', 'far');
  netns.ip('addr', 'add', '192.0.2.1/24', 'dev', 'wire');
  for (const device of ['wire', 'far']) netns.ip('link', 'set', device, 'up');
  netns.ip('route', 'add', 'default', 'dev', 'wire');
}

/** Whether the kernel refuses to cut what is sent into datagrams. */
function refusesSegments(address: string): boolean {
  const EINVAL = 22;
  using netns = new TestNetns();
  return withNetns(`/run/netns/${netns.name}`, () => {
    const ipv6 = address.includes(':');
    using server = RawSocket.udp(ipv6).bind(address);
    using client = RawSocket.udp(ipv6).connect(address, server.port).setOption(17, 103, 1000);
    return client.send(4500) === -EINVAL;
  });
}

/** Asked before anything is counted. */
const refused = new Set(['127.0.0.1', '::1'].filter(refusesSegments));

for (const mechanism of mechanisms) {
  let shared: UdpCounter;
  const count = (body: (netns: TestNetns) => void) => countFlows(mechanism, shared, body);

  describe(`datagrams counted by ${mechanism}`, () => {
    before(() => {
      shared = makeCounter(mechanism);
    });
    after(() => shared[Symbol.dispose]());

    it('are exact with peeks, errors, and empty and truncated datagrams', () => {
      let port = 0;
      const { ended } = count(() => {
        using server = RawSocket.udp().bind('127.0.0.1');
        using client = RawSocket.udp().bind('127.0.0.1').connect('127.0.0.1', server.port);
        port = client.port;
        for (const length of [100, 0, 7, 50]) client.send(length);
        for (let i = 0; i < 3; i++) assert.equal(server.receive(1000, MSG_PEEK), 100);
        assert.equal(server.receive(10), 10);
        for (let i = 0; i < 2; i++) assert.equal(server.receive(1000, MSG_PEEK), 0);
        assert.equal(server.receive(1000), 0);
        assert.equal(server.receive(0, MSG_PEEK | MSG_TRUNC), 7);
        assert.equal(server.receive(3, MSG_TRUNC), 7, 'its own length, though 3 bytes were delivered');
        assert.equal(server.receive(1000), 50);
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
      assert.match(sent.join(), /sent 4\/157 received 0\/0$/);
      const inbound = lines.filter((line) => line.startsWith('inbound'));
      // By packets, what arrives counts, whole.
      assert.match(inbound.join(), mechanism === 'cgroup' ? /received 4\/157$/ : /received 4\/63$/);
      assert.equal(
        lines.filter((line) => / sent 1\/1 received 0\/0$/.test(line)).length,
        1,
        lines.join('\n'),
      );
      assert.equal(lines.length, 3);
    });

    for (const [family, address] of [
      ['IPv4', '127.0.0.1'],
      ['IPv6', '::1'],
    ] as const) {
      it(`over ${family} are exact where several calls make one datagram, or one call makes several`, (t) => {
        const ipv6 = family === 'IPv6';
        if (refused.has(address)) {
          const reason = `needs UDP_SEGMENT over ${family}, which this build of Linux 5.10 refuses (EINVAL)`;
          assert.ok(!kernelAtLeast('5.11'), reason);
          t.skip(reason);
          return;
        }
        const MSG_MORE = 0x8000;
        const [levelUdp, cork, segment, gro] = [17, 1, 103, 104];
        const { ended } = count(() => {
          using server = RawSocket.udp(ipv6).bind(address);
          using client = RawSocket.udp(ipv6).connect(address, server.port);
          client.send(10, MSG_MORE);
          client.send(20, MSG_MORE);
          client.send(30);
          assert.equal(server.receive(1000), 60);
          // This one leaves in setsockopt().
          client.setOption(levelUdp, cork, 1);
          client.send(200);
          client.send(6);
          client.setOption(levelUdp, cork, 0);
          assert.equal(server.receive(1000), 206);
          client.setOption(levelUdp, segment, 1000);
          assert.equal(client.send(4500), 4500);
          for (const length of [1000, 1000, 1000, 1000, 500]) assert.equal(server.receive(9000), length);
          using taker = RawSocket.udp(ipv6).bind(address).setOption(levelUdp, gro, 1);
          using giver = RawSocket.udp(ipv6).connect(address, taker.port).setOption(levelUdp, segment, 1000);
          giver.send(3001);
          let received = 0;
          while (received < 3001) received += taker.receive(65_000);
        });
        assert.deepEqual(
          ended.map(({ flow }) => showWithoutEnds(flow)).sort(),
          [
            'inbound sent 0/0 received 7/4766',
            'outbound sent 7/4766 received 0/0',
            'inbound sent 0/0 received 4/3001',
            'outbound sent 4/3001 received 0/0',
          ].sort(),
        );
      });
    }

    it('are exact for multicast and broadcast', () => {
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

    it('are exact for multicast over IPv6', () => {
      const [ipv6Level, multicastInterface, joinGroup] = [41, 17, 20];
      const group = 'ff0e::1234';
      let port = 0;
      const { ended } = count((netns) => {
        connectWire(netns);
        netns.ip('addr', 'add', '2001:db8::1/64', 'dev', 'wire', 'nodad');
        const [wire] = JSON.parse(netns.ip('-json', 'link', 'show', 'dev', 'wire')) as [{ ifindex: number }];
        const index = [...new Uint8Array(Uint32Array.of(wire.ifindex).buffer)];
        const receivers = [1, 2].map(() =>
          RawSocket.udp(true)
            .setOption(1, 2, 1)
            .bind('::', 5353)
            .setOption(ipv6Level, joinGroup, [...parseMappedPrefix(group).address, ...index]),
        );
        using sender = RawSocket.udp(true)
          .bind('2001:db8::1')
          .setOption(ipv6Level, multicastInterface, index);
        port = sender.port;
        for (let i = 0; i < 5; i++) assert.equal(sender.send(11, 0, { address: group, port: 5353 }), 11);
        for (const receiver of receivers) {
          for (let i = 0; i < 5; i++) assert.equal(receiver.receive(99), 11);
          receiver[Symbol.dispose]();
        }
      });
      const inbound = `inbound ${group}:5353 2001:db8::1:${port} sent 0/0 received 5/55`;
      const outbound = `outbound 2001:db8::1:${port} ${group}:5353 sent 5/55 received 0/0`;
      assert.deepEqual(ended.map(({ flow }) => show(flow)).sort(), [inbound, inbound, outbound]);
    });

    for (const [call, family, peers, ...more] of [
      ['sendto', '4', 1000],
      ['sendmsg', '6', 100],
      ['sendmmsg', 'mapped', 100, '--unconnected'],
    ] as const) {
      if (mayMiss(mechanism)) continue;
      it(`by ${call} over IPv${family} are exact for each of the ${peers} peers of a server`, async () => {
        using netns = new TestNetns();
        const args = ['--call', call, '--family', family, '--count', `${peers}`, ...more];
        const reports = await runLoad(netns, 'datagrams', ...args);
        const { live, ended, lost } = shared.collect();
        const flows = new Map(
          [...live, ...ended.map(({ flow }) => flow)].map((flow) => [
            `${flow.process?.pid} ${show(flow).replace(/ sent .*/, '')}`,
            showCounts(flow),
          ]),
        );
        assert.equal(shared.missedRuns, 0);
        assert.equal(reports.length, peers);
        for (const report of reports) {
          const {
            client,
            server,
            datagrams,
            bytes_client_to_server: there,
            bytes_server_to_client: back,
          } = report;
          const [here, far] = [client, server].map(({ address, port }) => `${address}:${port}`);
          assert.equal(
            flows.get(`${client.pid} outbound ${here} ${far}`),
            `sent ${datagrams}/${there} received ${datagrams}/${back}`,
          );
          assert.equal(
            flows.get(`${server.pid} inbound ${far} ${here}`),
            `sent ${datagrams}/${back} received ${datagrams}/${there}`,
          );
        }
        assert.deepEqual(lost, { datagrams: 0, bytes: 0 });
      });
    }
  });
}
