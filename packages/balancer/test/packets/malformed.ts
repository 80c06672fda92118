/** Packets of no flow: cut off at every byte, fragments, with options, or noise. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Balancer } from '../../src/index.js';
import { addressHex, goesOut, OWN4, OWN6, openNat, replyTo, translated } from '../support/nat-packets.js';
import {
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
  ethernet,
  frameOf,
  icmp4,
  icmp6,
  ipPacket,
  ipv4,
  ipv6,
  type Packet,
  reversed,
  segment,
  toBalancer,
} from '../support/packet.js';

const elsewhere4 = '192.0.2.200';
const elsewhere6 = '2001:db8:0:0:0:0:0:ff';

/** Asserts that a packet is dropped if it is for a VIP, else left to the host. */
function refused(
  balancer: Balancer,
  make: (destination: string) => readonly number[],
  ipv6Family = false,
): void {
  const counts = counted(balancer, () => drops(balancer, toBalancer(make(ipv6Family ? VIP6 : VIP4))));
  assert.deepEqual(counts, { packets: 1, dropped: 1, malformed: 1 });
  passes(balancer, toBalancer(make(ipv6Family ? elsewhere6 : elsewhere4)));
}

describe('a packet cut off', () => {
  for (const packet of [tcp4, udp4, tcp6, udp6]) {
    const v6 = packet.source.includes(':');
    it(`a packet cut off at any byte is dropped for a VIP, else passed: ${packet.protocol} over IPv${v6 ? 6 : 4}`, () => {
      const balancer = open();
      services(balancer, 80);
      const network = 14 + (v6 ? 40 : 20);
      for (const destination of [packet.destination, v6 ? elsewhere6 : elsewhere4]) {
        const frame = frameOf({ ...packet, destination });
        for (let length = 14; length < frame.length; length++) {
          const cut = frame.subarray(0, length);
          if (destination === packet.destination && length >= network) drops(balancer, cut);
          else passes(balancer, cut);
        }
      }
    });
  }

  it('a packet whose IP length is too small for its transport header is dropped', () => {
    const balancer = open();
    services(balancer, 80);
    for (let length = 0; length < 40; length++) {
      refused(balancer, (destination) =>
        ipv4(tcp4.source, destination, 6, segment({ ...tcp4, destination }), { length }),
      );
    }
    for (let length = 0; length < 20; length++) {
      refused(
        balancer,
        (to) => ipv6(tcp6.source, to, 6, segment({ ...tcp6, destination: to }), { length }),
        true,
      );
    }
  });
});

describe('IPv4', () => {
  it('IPv4 with options is refused', () => {
    const balancer = open();
    services(balancer, 80);
    for (const options of [[1, 1, 1, 1], new Array<number>(40).fill(1)]) {
      refused(balancer, (to) => ipv4(tcp4.source, to, 6, segment({ ...tcp4, destination: to }), { options }));
    }
  });

  it('IPv4 fragments are refused, packets with DF are not', () => {
    const balancer = open();
    services(balancer, 80);
    for (const fragment of [0x2000, 0x0001, 0x1fff, 0x2001]) {
      refused(balancer, (to) =>
        ipv4(tcp4.source, to, 6, segment({ ...tcp4, destination: to }), { fragment }),
      );
    }
    const whole = ipv4(tcp4.source, VIP4, 6, segment(tcp4), { fragment: 0x4000, id: 77, ttl: 3 });
    assert.equal(balancer.process(toBalancer(whole)).verdict, 'tx');
  });

  it('IPv4 with another version in its header is refused', () => {
    const balancer = open();
    services(balancer, 80);
    for (const first of [0x05, 0x44, 0x46, 0x55, 0x65]) {
      const change = (to: string) => {
        const bytes = ipv4(tcp4.source, to, 6, segment({ ...tcp4, destination: to }));
        return [first, ...bytes.slice(1)];
      };
      drops(
        balancer,
        Uint8Array.from(ethernet([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], 0x0800, change(VIP4))),
      );
      passes(
        balancer,
        Uint8Array.from(ethernet([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], 0x0800, change(elsewhere4))),
      );
    }
  });
});

describe('IPv6', () => {
  it('IPv6 fragments are refused, other extension headers are passed', () => {
    const balancer = open();
    services(balancer, 80);
    refused(balancer, (to) => ipv6(tcp6.source, to, 44, [6, 0, 0, 0, 0, 0, 0, 1, ...segment(tcp6)]), true);
    for (const next of [0, 43, 60, 51]) {
      passes(balancer, toBalancer(ipv6(tcp6.source, VIP6, next, [6, 0, 0, 0, 0, 0, 0, 0, ...segment(tcp6)])));
    }
  });
});

describe('other packets', () => {
  it('packets of other protocols are left to the host', () => {
    const balancer = open();
    services(balancer, 80);
    for (const protocol of [2, 4, 41, 47, 132]) {
      passes(balancer, toBalancer(ipv4(tcp4.source, VIP4, protocol, segment(tcp4))));
      passes(balancer, toBalancer(ipv6(tcp6.source, VIP6, protocol === 41 ? 59 : protocol, segment(tcp6))));
    }
    for (const type of [0x0806, 0x8100, 0x88cc, 0x86de]) {
      passes(
        balancer,
        Uint8Array.from(ethernet([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], type, ipPacket(tcp4))),
      );
    }
  });
});

/** A small generator of reproducible random numbers. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Changes random bytes of a frame, and may cut it off. */
function spoilt(sample: Uint8Array, next: () => number): Uint8Array {
  const frame = Uint8Array.from(sample);
  const changes = 1 + Math.floor(next() * 4);
  for (let i = 0; i < changes; i++)
    frame[12 + Math.floor(next() * (frame.length - 12))] = Math.floor(next() * 256);
  return next() < 0.3 ? frame.subarray(0, 14 + Math.floor(next() * (frame.length - 14))) : frame;
}

function destinationOf(frame: Uint8Array): string {
  const v6 = frame[12] === 0x86;
  return hex(frame.subarray(v6 ? 38 : 30, v6 ? 54 : 34));
}

/**
 * Runs the balancer on noise made of samples; asserts that sent frames were for one of these addresses. Returns their
 * number.
 */
function noise(
  balancer: Balancer,
  samples: readonly Uint8Array[],
  allowed: readonly string[],
  seed: number,
): number {
  const next = random(seed);
  const addresses = allowed.map(addressHex);
  let sent = 0;
  for (let round = 0; round < NOISES; round++) {
    const frame = spoilt(samples[Math.floor(next() * samples.length)]!, next);
    const { verdict } = balancer.process(frame);
    assert.notEqual(verdict, 'aborted');
    if (verdict !== 'tx') continue;
    sent++;
    assert.ok(addresses.includes(destinationOf(frame)), hex(frame));
  }
  return sent;
}

const NOISES = 2000;
const payload = new Array<number>(24).fill(0x52);

describe('noise', () => {
  it('noise is sent only if it is for a VIP', () => {
    const balancer = open({ tcpServerIds: true });
    services(balancer, 80, ['quic', 'stableUdp', 'sourceRouting', 'globalFlows', 'udpMigration']);
    const samples = [tcp4, udp4, tcp6, udp6].map((packet) => frameOf({ ...packet, payload }));
    const sent = noise(balancer, samples, [VIP4, VIP6], 20240229);
    assert.ok(sent > 0.1 * NOISES && sent < 0.95 * NOISES, `${sent}`);
  });

  it('noise is sent only if it is for a VIP or a translated flow', () => {
    const balancer = openNat();
    const flows = [{ ...tcp4, flags: ['syn'] }, udp4, { ...tcp6, flags: ['syn'] }, udp6] as const;
    const samples = flows.flatMap((flow) => {
      const port = goesOut(balancer, flow);
      const answered = { ...flow, flags: ['ack'], payload } as const;
      const errors = [translated(flow, port), reversed(flow)].map((about) => toBalancer(icmpAbout(about)));
      return [frameOf(answered), frameOf(replyTo(answered, port)), ...errors];
    });
    const sent = noise(balancer, samples, [VIP4, VIP6, OWN4, OWN6], 7);
    assert.ok(sent > 0.1 * NOISES && sent < 0.95 * NOISES, `${sent}`);
    for (const flow of flows) assert.equal(balancer.process(frameOf(flow)).verdict, 'tx');
  });
});

/** The ICMP error "unreachable" to a packet's source. */
function icmpAbout(packet: Packet): number[] {
  const body = ipPacket(packet);
  const { source } = packet;
  return source.includes(':')
    ? ipv6('2001:db8:ffff::1', source, 58, icmp6('2001:db8:ffff::1', source, 1, [0, 0, 0, 0], body))
    : ipv4('203.0.113.1', source, 1, icmp4(3, 1, [0, 0, 0, 0], body));
}

describe('a translated packet cut off', () => {
  it('a translated packet cut off at any byte is not sent on', () => {
    const balancer = openNat();
    for (const flow of [{ ...tcp4, flags: ['syn'] }, udp4, { ...tcp6, flags: ['syn'] }, udp6] as const) {
      const port = goesOut(balancer, flow);
      const reply = frameOf(replyTo(flow, port, { flags: ['ack'] }));
      for (let length = 14; length < reply.length; length++) passes(balancer, reply.subarray(0, length));
      const known = frameOf(flow);
      const network = 14 + (flow.source.includes(':') ? 40 : 20);
      for (let length = network; length < known.length; length++) drops(balancer, known.subarray(0, length));
      const error = toBalancer(icmpAbout(translated(flow, port)));
      const quoted = network + 8 + (network - 14) + 8;
      for (let length = 14; length < quoted; length++)
        assert.notEqual(balancer.process(error.subarray(0, length)).verdict, 'tx');
    }
  });
});
