/** ICMP: echo requests and long packets are answered, errors follow their flow. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Balancer } from '../../src/index.js';
import {
  choice,
  counted,
  drops,
  hex,
  open,
  passes,
  services,
  tcp4,
  tcp6,
  udp4,
  udp6,
  VIP4,
  VIP6,
} from '../support/open-balancer.js';
import {
  BALANCER_MAC,
  CLIENT_MAC,
  ethernet,
  etherType,
  frameOf,
  icmp4,
  icmp6,
  ipPacket,
  ipv4,
  ipv6,
  type Packet,
  reversed,
  toBalancer,
  u16,
  u32,
} from '../support/packet.js';
import { GUE_SOURCE4, GUE_SOURCE6, inGre, inGue, inTunnel } from '../support/tunnel.js';

const ROUTER4 = '203.0.113.1';
const ROUTER6 = '2001:db8:ffff:0:0:0:0:1';

/** A frame from the balancer to the client. */
function toClient(ip: readonly number[]): string {
  return hex(Uint8Array.from(ethernet(CLIENT_MAC, BALANCER_MAC, etherType(ip), ip)));
}

describe('echo requests', () => {
  const body = Array.from({ length: 57 }, (_, i) => i * 3);

  it('echo requests to a VIP are answered by the balancer', () => {
    const balancer = open();
    services(balancer, 80);
    const request4 = ipv4('192.0.2.9', VIP4, 1, icmp4(8, 0, [1, 2, 3, 4], body), { ttl: 7, tos: 4 });
    const reply4 = ipv4(VIP4, '192.0.2.9', 1, icmp4(0, 0, [1, 2, 3, 4], body), { tos: 4 });
    const request6 = ipv6('2001:db8::9', VIP6, 58, icmp6('2001:db8::9', VIP6, 128, [1, 2, 3, 4], body), {
      hopLimit: 3,
    });
    const reply6 = ipv6(VIP6, '2001:db8::9', 58, icmp6(VIP6, '2001:db8::9', 129, [1, 2, 3, 4], body));
    for (const [request, reply] of [
      [request4, reply4],
      [request6, reply6],
    ] as const) {
      const counts = counted(balancer, () => {
        const { verdict, frame } = balancer.process(toBalancer(request));
        assert.deepEqual([verdict, hex(frame)], ['tx', toClient(reply)]);
      });
      assert.deepEqual(counts, { packets: 1, transmitted: 1, echo: 1 });
    }
  });

  it('the reply to an echo request of zeros has a checksum that receivers accept', () => {
    const balancer = open();
    services(balancer, 80);
    for (const size of [0, 8, 56]) {
      const zeros = new Array<number>(size).fill(0);
      const request = ipv4('192.0.2.9', VIP4, 1, icmp4(8, 0, [0, 0, 0, 0], zeros));
      const { frame } = balancer.process(toBalancer(request));
      const message = [0, 0, 0xff, 0xff, 0, 0, 0, 0, ...zeros];
      assert.equal(hex(frame), toClient(ipv4(VIP4, '192.0.2.9', 1, message)));
    }
  });

  it('echo requests to other addresses are left to the host', () => {
    const balancer = open();
    services(balancer, 80);
    passes(balancer, toBalancer(ipv4('192.0.2.9', '192.0.2.1', 1, icmp4(8, 0, [1, 2, 3, 4], body))));
    const other = '2001:db8::77';
    passes(
      balancer,
      toBalancer(ipv6('2001:db8::9', other, 58, icmp6('2001:db8::9', other, 128, [1, 2, 3, 4], body))),
    );
    for (const type of [0, 5, 11, 13]) {
      passes(balancer, toBalancer(ipv4('192.0.2.9', VIP4, 1, icmp4(type, 0, [1, 2, 3, 4], body))));
    }
    for (const type of [3, 129, 135]) {
      passes(
        balancer,
        toBalancer(ipv6('2001:db8::9', VIP6, 58, icmp6('2001:db8::9', VIP6, type, [0, 0, 0, 0], body))),
      );
    }
  });
});

describe('frames that are too long', () => {
  it('too long frames are answered with the MTU', () => {
    const balancer = open({ icmpMtu: 1400 });
    services(balancer, 80);
    const long = { ...udp4, payload: new Array<number>(1473).fill(7) };
    const quoted4 = ipPacket(long).slice(0, 84);
    const answer4 = ipv4(VIP4, udp4.source, 1, icmp4(3, 4, [0, 0, ...u16(1400)], quoted4));
    const long6 = { ...udp6, payload: new Array<number>(1453).fill(7) };
    const quoted6 = ipPacket(long6).slice(0, 248);
    const answer6 = ipv6(VIP6, udp6.source, 58, icmp6(VIP6, udp6.source, 2, u32(1400), quoted6));
    for (const [packet, answer] of [
      [long, answer4],
      [long6, answer6],
    ] as const) {
      const counts = counted(balancer, () => {
        const { verdict, frame } = balancer.process(frameOf(packet));
        assert.deepEqual([verdict, hex(frame)], ['tx', toClient(answer)]);
      });
      assert.deepEqual(counts, { packets: 1, transmitted: 1, tooBig: 1 });
    }
  });
});

/** The error that a router sends to the VIP about a packet from the VIP to the flow's client. */
function errorAbout(
  packet: Packet,
  type: number,
  code: number,
  rest: readonly number[],
  quoted = 60,
): number[] {
  const body = ipPacket(reversed(packet)).slice(0, quoted);
  return packet.source.includes(':')
    ? ipv6(ROUTER6, packet.destination, 58, icmp6(ROUTER6, packet.destination, type, rest, body))
    : ipv4(ROUTER4, packet.destination, 1, icmp4(type, code, rest, body));
}

function errorGoesWithFlow(balancer: Balancer, packet: Packet, type: number, wrap: typeof inTunnel): void {
  const error = errorAbout(packet, type, 1, [0, 0, 5, 0]);
  const real = choice(balancer, packet).split(' ')[1]!;
  const { verdict, frame } = balancer.process(toBalancer(error));
  assert.deepEqual([verdict, hex(frame)], ['tx', hex(wrap(error, packet, real))]);
}

describe('errors', () => {
  for (const [name, options, wrap] of [
    ['IP in IP', {}, inTunnel],
    ['GRE', { gre: true }, inGre],
    ['GUE', { gue: { source4: GUE_SOURCE4, source6: GUE_SOURCE6 } }, inGue],
  ] as const) {
    it(`ICMP errors go to the real of the flow that they quote: ${name}`, () => {
      const balancer = open(options);
      services(balancer, 80);
      for (const flow of [tcp4, udp4, tcp6, udp6]) {
        for (let i = 0; i < 3; i++) {
          const packet = { ...flow, sourcePort: 2000 + i };
          for (const type of flow.source.includes(':') ? [1, 2] : [3])
            errorGoesWithFlow(balancer, packet, type, wrap);
          balancer.process(frameOf(packet));
          errorGoesWithFlow(balancer, packet, flow.source.includes(':') ? 1 : 3, wrap);
        }
      }
    });
  }

  it('ICMP errors make no flow known', () => {
    const balancer = open();
    services(balancer, 80);
    balancer.process(toBalancer(errorAbout(tcp4, 3, 1, [0, 0, 0, 0])));
    assert.match(choice(balancer, tcp4), /^ring/);
  });

  it('ICMP errors with a small MTU are counted', () => {
    const balancer = open();
    services(balancer, 80);
    const count = (error: number[]) =>
      counted(balancer, () => balancer.process(toBalancer(error))).icmpSmallMtu ?? 0;
    assert.equal(count(errorAbout(tcp4, 3, 4, [0, 0, ...u16(1279)])), 1);
    assert.equal(count(errorAbout(tcp4, 3, 4, [0, 0, ...u16(1280)])), 0);
    assert.equal(count(errorAbout(tcp4, 3, 1, [0, 0, ...u16(1279)])), 0);
    assert.equal(count(errorAbout(tcp6, 2, 0, u32(1279))), 1);
    assert.equal(count(errorAbout(tcp6, 2, 0, u32(1280))), 0);
    assert.equal(count(errorAbout(tcp6, 1, 0, u32(1279))), 0);
  });

  it('ICMP errors need only the first bytes of the transport header', () => {
    const balancer = open();
    services(balancer, 80);
    assert.equal(balancer.process(toBalancer(errorAbout(tcp4, 3, 1, [0, 0, 0, 0], 28))).verdict, 'tx');
    drops(balancer, toBalancer(errorAbout(tcp4, 3, 1, [0, 0, 0, 0], 27)));
    assert.equal(balancer.process(toBalancer(errorAbout(tcp6, 1, 0, [0, 0, 0, 0], 48))).verdict, 'tx');
    drops(balancer, toBalancer(errorAbout(tcp6, 1, 0, [0, 0, 0, 0], 47)));
  });

  it('ICMP errors that quote packets of other hosts are left to the host', () => {
    const balancer = open();
    services(balancer, 80);
    passes(balancer, toBalancer(errorAbout({ ...tcp4, destinationPort: 81 }, 3, 1, [0, 0, 0, 0])));
    passes(balancer, toBalancer(errorAbout({ ...tcp4, destination: '192.0.2.200' }, 3, 1, [0, 0, 0, 0])));
    // The error goes to an address other than the quoted packet's source, as an attacker might send it.
    const body = ipPacket({
      ...tcp4,
      source: VIP4,
      sourcePort: 80,
      destination: tcp4.source,
      destinationPort: 9,
    });
    passes(balancer, toBalancer(ipv4(ROUTER4, '192.0.2.1', 1, icmp4(3, 1, [0, 0, 0, 0], body))));
  });
});
