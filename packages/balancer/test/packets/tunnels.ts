/** Removal of outer headers: before balancing, and on a real. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Collection, parseObject, setGlobal } from '@weir/ebpf';
import { keyAddress } from '../../src/address.js';
import {
  byRing,
  counted,
  drops,
  goesTo,
  hex,
  open,
  passes,
  REALS4,
  REALS6,
  services,
  tcp4,
  tcp6,
  udp4,
  udp6,
} from '../support/open-balancer.js';
import {
  address,
  BALANCER_MAC,
  CLIENT_MAC,
  checksum,
  ethernet,
  etherType,
  frameOf,
  ipPacket,
  ipv4,
  ipv6,
  type Packet,
  pseudoHeader,
  toBalancer,
  u16,
} from '../support/packet.js';
import { tunnelled } from '../support/tunnel.js';

const END4 = '192.0.2.10';
const END6 = 'fd00:10:0:0:0:0:0:1';

/** A packet in each kind of tunnel that can lead to this host. */
function wrapped(packet: Packet, end4: string, end6: string): number[][] {
  const inner = ipPacket(packet);
  const protocol = inner[0]! >> 4 === 6 ? 41 : 4;
  const udp = [0xc0, 0, ...u16(6080), ...u16(8 + inner.length), 0, 0, ...inner];
  const gre = [0, 0, ...u16(etherType(inner)), ...inner];
  return [
    ipv4('10.9.9.9', end4, protocol, inner),
    ipv4('10.9.9.9', end4, 17, udp),
    ipv4('10.9.9.9', end4, 47, gre),
    ipv6('fd00:9::9', end6, protocol, inner),
    ipv6('fd00:9::9', end6, 17, udp),
    ipv6('fd00:9::9', end6, 47, gre),
  ];
}

/** The frame before it went into the tunnel. */
function bare(packet: Packet): string {
  const inner = ipPacket(packet);
  return hex(Uint8Array.from(ethernet(BALANCER_MAC, CLIENT_MAC, etherType(inner), inner)));
}

describe('inline decapsulation', () => {
  it('packets to a tunnel end lose their outer headers and are then balanced', () => {
    const balancer = open({ inlineDecapsulation: true });
    services(balancer, 80);
    balancer.setTunnelEnd(END4, true);
    balancer.setTunnelEnd(END6, true);
    for (const packet of [tcp4, udp4, tcp6, udp6]) {
      const real = byRing(packet, packet.source.includes(':') ? REALS6 : REALS4);
      const other = { ...packet, destinationPort: 81 };
      for (const [i, outer] of wrapped(packet, END4, END6).entries()) {
        const counts = counted(balancer, () => {
          const { verdict, frame } = balancer.process(toBalancer(outer));
          assert.deepEqual([verdict, hex(frame)], ['tx', hex(tunnelled({ ...packet, ttl: 63 }, real))]);
        });
        assert.equal(counts.decapsulated, 1);
        const left = balancer.process(toBalancer(wrapped(other, END4, END6)[i]!));
        assert.deepEqual([left.verdict, hex(left.frame)], ['pass', bare({ ...other, ttl: 63 })]);
      }
    }
  });

  it('packets out of a tunnel on their last hop are dropped, unless they stay on this host', () => {
    const balancer = open({ inlineDecapsulation: true });
    services(balancer, 80);
    const own = { address: tcp4.destination, port: 82, protocol: 'tcp' } as const;
    balancer.setService(own, { reals: [{ address: '10.0.0.9', local: true }], flags: ['local'] });
    balancer.setTunnelEnd(END4, true);
    balancer.setTunnelEnd(END6, true);
    for (const packet of [tcp4, udp6]) {
      for (const ttl of [0, 1]) {
        for (const outer of wrapped({ ...packet, ttl }, END4, END6)) {
          assert.equal(balancer.explain(toBalancer(outer)).reason, 'last-hop');
          const counts = counted(balancer, () => drops(balancer, toBalancer(outer)));
          assert.deepEqual([counts.dropped, counts.lastHop], [1, 1]);
        }
      }
      goesTo(balancer, { ...packet, ttl: 1 }, byRing(packet, packet === tcp4 ? REALS4 : REALS6));
    }
    for (const destinationPort of [81, 82]) {
      const packet = { ...tcp4, destinationPort, ttl: 1 };
      const { verdict, frame } = balancer.process(toBalancer(wrapped(packet, END4, END6)[0]!));
      assert.deepEqual([verdict, hex(frame)], ['pass', bare(packet)]);
    }
  });

  it('packets in other tunnels, and packets cut off, stay unchanged', () => {
    const balancer = open({ inlineDecapsulation: true });
    balancer.setTunnelEnd(END4, true);
    balancer.setTunnelEnd(END6, false);
    for (const outer of wrapped(tcp4, '192.0.2.11', END6)) passes(balancer, toBalancer(outer));
    for (const outer of wrapped(tcp4, END4, END6).slice(0, 3)) {
      const frame = toBalancer(outer);
      for (let length = 14; length < frame.length - 20; length++) {
        const { verdict } = balancer.process(frame.subarray(0, length));
        assert.equal(verdict, 'pass');
      }
    }
    passes(balancer, toBalancer(ipv4('10.9.9.9', END4, 4, ipPacket(tcp4), { fragment: 0x2000 })));
    // A key, a checksum, another version, and bridged Ethernet.
    for (const header of [
      [0x20, 0, 8, 0, 0, 0, 0, 1],
      [0x80, 0, 8, 0, 0, 0, 0, 0],
      [0, 1, 8, 0],
      [0, 0, 0x65, 0x58],
    ])
      passes(balancer, toBalancer(ipv4('10.9.9.9', END4, 47, [...header, ...ipPacket(tcp4)])));
    passes(
      balancer,
      toBalancer(ipv4('10.9.9.9', END4, 17, [...u16(1), ...u16(6081), 0, 28, 0, 0, ...ipPacket(tcp4)])),
    );
  });

  it('inline decapsulation is off by default', () => {
    const balancer = open();
    services(balancer, 80);
    balancer.setTunnelEnd(END4, true);
    passes(balancer, toBalancer(wrapped(tcp4, END4, END6)[0]!));
  });
});

describe("a real's program", () => {
  it("a real's program removes outer headers", () => {
    const spec = parseObject(readFileSync(new URL('../../../bpf/decapsulate.bpf.o', import.meta.url)));
    setGlobal(spec, 'gue_port', ((6080 & 0xff) << 8) | (6080 >> 8));
    using collection = Collection.load(spec);
    for (const end of [END4, END6]) {
      const { words, ipv6: v6 } = keyAddress(end);
      const key = new Uint8Array(20);
      key.set(new Uint8Array(words.buffer));
      key[16] = Number(v6);
      collection.map('tunnel_ends').update(key, new Uint8Array(4));
    }
    const program = collection.program('decapsulate_packet');
    for (const packet of [tcp4, udp4, tcp6, udp6]) {
      for (const outer of wrapped(packet, END4, END6)) {
        const { returnValue, data } = program.testRun({ data: toBalancer(outer) });
        assert.deepEqual([returnValue, hex(data)], [2, bare(packet)]);
      }
      const own = program.testRun({ data: frameOf(packet) });
      assert.deepEqual([own.returnValue, hex(own.data)], [2, hex(frameOf(packet))]);
    }
  });
});

describe('source matching', () => {
  it("packets get their outer header's source, with right checksums, if it is of their family", () => {
    const spec = parseObject(readFileSync(new URL('../../../bpf/decapsulate.bpf.o', import.meta.url)));
    setGlobal(spec, 'gue_port', ((6080 & 0xff) << 8) | (6080 >> 8));
    setGlobal(spec, 'match_sources', 1);
    using collection = Collection.load(spec);
    for (const end of [END4, END6]) {
      const { words, ipv6: v6 } = keyAddress(end);
      const key = new Uint8Array(20);
      key.set(new Uint8Array(words.buffer));
      key[16] = Number(v6);
      collection.map('tunnel_ends').update(key, new Uint8Array(4));
    }
    const program = collection.program('decapsulate_packet');
    const run = (outer: number[]) => hex(program.testRun({ data: toBalancer(outer) }).data);
    for (const base of [tcp4, udp4, tcp6, udp6, { ...udp4, withoutChecksum: true }]) {
      for (let sourcePort = 1000; sourcePort < 1020; sourcePort++) {
        const packet = { ...base, sourcePort, payload: [sourcePort & 0xff] };
        const is6 = packet.source.includes(':');
        for (const [i, outer] of wrapped(packet, END4, END6).entries()) {
          const source = is6 ? 'fd00:9::9' : '10.9.9.9';
          const isMatched = is6 === i >= 3;
          assert.equal(run(outer), bare(isMatched ? { ...packet, source } : packet));
        }
      }
    }
    const fragment = ipv4('192.0.2.1', '198.51.100.1', 17, [1, 2, 3, 4, 5, 6, 7, 8], { fragment: 0x2000 });
    const left = Uint8Array.from(ethernet(BALANCER_MAC, CLIENT_MAC, 0x0800, fragment));
    assert.equal(run(ipv4('10.9.9.9', END4, 4, fragment)), hex(left));
  });
});

describe('a health check', () => {
  const mark = 77;

  function load(kind: string): Collection {
    const spec = parseObject(readFileSync(new URL('../../../bpf/probe.bpf.o', import.meta.url)));
    setGlobal(spec, 'use_gue', kind === 'GUE');
    setGlobal(spec, 'use_gre', kind === 'GRE');
    setGlobal(spec, 'gue_port', ((6080 & 0xff) << 8) | (6080 >> 8));
    setGlobal(spec, 'probe_source4', keyAddress('192.0.2.50').words[0]!);
    setGlobal(spec, 'probe_source6', keyAddress('fd00:50::1').words);
    return Collection.load(spec);
  }

  function send(collection: Collection, frame: Uint8Array, skbMark: number): string {
    const ctx = new Uint8Array(192);
    new DataView(ctx.buffer).setUint32(8, skbMark, true);
    const { returnValue, data } = collection.program('encapsulate_probe').testRun({ data: frame, ctx });
    assert.equal(returnValue, 0);
    return hex(data);
  }

  /** The expected frame: the frame's own Ethernet header, with the outer one's type. */
  function expected(packet: Packet, real: string, kind: string): string {
    const inner = ipPacket(packet);
    const toV6 = real.includes(':');
    const source = toV6 ? 'fd00:50:0:0:0:0:0:1' : '192.0.2.50';
    const wrap = (protocol: number, payload: readonly number[]) =>
      toV6 ? ipv6(source, real, protocol, payload) : ipv4(source, real, protocol, payload);
    const udp = [...u16(49152), ...u16(6080), ...u16(8 + inner.length), 0, 0, ...inner];
    if (toV6) {
      const sum = checksum([...pseudoHeader(address(source), address(real), 17, udp.length), ...udp]);
      udp.splice(6, 2, ...u16(sum || 0xffff));
    }
    if (kind === 'GUE') return hex(toBalancer(wrap(17, udp)));
    const gre = [0, 0, ...u16(etherType(inner)), ...inner];
    const protocol = inner[0]! >> 4 === 6 ? 41 : 4;
    return hex(toBalancer(kind === 'GRE' ? wrap(47, gre) : wrap(protocol, inner)));
  }

  for (const kind of ['IP in IP', 'GRE', 'GUE']) {
    it(`a health check goes to its mark's real: ${kind}`, () => {
      using collection = load(kind);
      for (const [packet, real] of [
        [tcp4, REALS4[0]!],
        [tcp4, REALS6[0]!],
        [tcp6, REALS6[0]!],
        [udp6, REALS6[0]!],
      ] as const) {
        const { words, ipv6: v6 } = keyAddress(real);
        const probe = new Uint8Array(20);
        probe.set(new Uint8Array(words.buffer));
        probe[16] = Number(v6);
        collection.map('probes').update(Uint8Array.of(mark, 0, 0, 0), probe);
        const frame = frameOf(packet);
        assert.equal(send(collection, frame, mark), expected(packet, real, kind));
        assert.equal(send(collection, frame, 0), hex(frame));
        assert.equal(send(collection, frame, mark + 1), hex(frame));
      }
    });
  }
});

describe('a health check without a tunnel', () => {
  it("goes to the real's MAC address by its mark, unchanged otherwise, and to another device if the real is there", () => {
    const spec = parseObject(readFileSync(new URL('../../../bpf/probe.bpf.o', import.meta.url)));
    using collection = Collection.load(spec);
    const macs = [2, 0, 0, 0, 5, 9, 2, 0, 0, 0, 5, 1];
    const ctx = new Uint8Array(192);
    const view = new DataView(ctx.buffer);
    view.setUint32(8, 77, true);
    const send = (ifindex: number) => {
      const value = Uint8Array.from([ifindex, 0, 0, 0, ...macs]);
      collection.map('direct_probes').update(Uint8Array.of(77, 0, 0, 0), value);
      return collection.program('encapsulate_probe').testRun({ data: frameOf(tcp4), ctx });
    };
    const expected = frameOf(tcp4);
    expected.set(macs);
    // Test runs are on the loopback device, whose number is 1.
    for (const [ifindex, verdict] of [
      [1, 0],
      [9, 7],
    ] as const) {
      const { returnValue, data } = send(ifindex);
      assert.deepEqual([returnValue, hex(data)], [verdict, hex(expected)]);
    }
  });
});

describe('a capture', () => {
  it('a capture has the first bytes of packets as they leave, with the reason', () => {
    const balancer = open();
    services(balancer, 80);
    const flow = { ...tcp4, sourcePort: 60_001 };
    using capture = balancer.capture({ reasons: ['ring', 'not-a-vip'], bytes: 60 });
    const { frame } = balancer.process(frameOf(flow));
    balancer.process(frameOf(flow));
    balancer.process(frameOf({ ...flow, destinationPort: 81 }));
    const packets = capture.read();
    assert.deepEqual(
      packets.map(({ verdict, reason, length }) => [verdict, reason, length]),
      [
        ['tx', 'ring', frame.length],
        ['pass', 'not-a-vip', frameOf(flow).length],
      ],
    );
    assert.equal(hex(packets[0]!.head), hex(frame.subarray(0, 60)));
    assert.equal(packets[1]!.head.length, 54);
    assert.equal(capture.lost, 0);
  });

  it('a capture takes one packet in `every`', () => {
    const balancer = open();
    services(balancer, 80);
    using capture = balancer.capture({ every: 4 });
    for (let i = 0; i < 20; i++) balancer.process(frameOf(tcp4));
    assert.equal(capture.read().length, 5);
  });
});
