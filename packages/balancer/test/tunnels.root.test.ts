/** Outer headers that are taken off: in front of the balancer, and on a real. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Collection, parseObject, setGlobal } from '@weir/ebpf';
import { keyAddress } from '../src/address.js';
import {
  byRing,
  counted,
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
} from './support/balancer.js';
import {
  BALANCER_MAC,
  CLIENT_MAC,
  ethernet,
  etherType,
  frameOf,
  ipPacket,
  ipv4,
  ipv6,
  type Packet,
  toBalancer,
  u16,
} from './support/packet.js';
import { tunnelled } from './support/tunnel.js';

const END4 = '192.0.2.10';
const END6 = 'fd00:10:0:0:0:0:0:1';

/** A packet in each kind of tunnel that can lead to this host. */
function wrapped(packet: Packet, end4: string, end6: string): number[][] {
  const inner = ipPacket(packet);
  const protocol = inner[0]! >> 4 === 6 ? 41 : 4;
  const udp = [0xc0, 0, ...u16(6080), ...u16(8 + inner.length), 0, 0, ...inner];
  return [
    ipv4('10.9.9.9', end4, protocol, inner),
    ipv4('10.9.9.9', end4, 17, udp),
    ipv6('fd00:9::9', end6, protocol, inner),
    ipv6('fd00:9::9', end6, 17, udp),
  ];
}

/** The frame as it was before it went into the tunnel. */
function bare(packet: Packet): string {
  const inner = ipPacket(packet);
  return hex(Uint8Array.from(ethernet(BALANCER_MAC, CLIENT_MAC, etherType(inner), inner)));
}

describe('inline decapsulation', () => {
  it('unpacks what comes to a tunnel end, and then balances it', () => {
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
          assert.deepEqual([verdict, hex(frame)], ['tx', hex(tunnelled(packet, real))]);
        });
        assert.equal(counts.decapsulated, 1);
        const left = balancer.process(toBalancer(wrapped(other, END4, END6)[i]!));
        assert.deepEqual([left.verdict, hex(left.frame)], ['pass', bare(other)]);
      }
    }
  });

  it('leaves other tunnels, and packets cut off, as they are', () => {
    const balancer = open({ inlineDecapsulation: true });
    balancer.setTunnelEnd(END4, true);
    balancer.setTunnelEnd(END6, false);
    for (const outer of wrapped(tcp4, '192.0.2.11', END6)) passes(balancer, toBalancer(outer));
    for (const outer of wrapped(tcp4, END4, END6).slice(0, 2)) {
      const frame = toBalancer(outer);
      for (let length = 14; length < frame.length - 20; length++) {
        const { verdict } = balancer.process(frame.subarray(0, length));
        assert.equal(verdict, 'pass');
      }
    }
    passes(balancer, toBalancer(ipv4('10.9.9.9', END4, 4, ipPacket(tcp4), { fragment: 0x2000 })));
    passes(
      balancer,
      toBalancer(ipv4('10.9.9.9', END4, 17, [...u16(1), ...u16(6081), 0, 28, 0, 0, ...ipPacket(tcp4)])),
    );
  });

  it('is off unless it is asked for', () => {
    const balancer = open();
    services(balancer, 80);
    balancer.setTunnelEnd(END4, true);
    passes(balancer, toBalancer(wrapped(tcp4, END4, END6)[0]!));
  });
});

describe("a real's program", () => {
  it('takes outer headers off', () => {
    const spec = parseObject(readFileSync(new URL('../../bpf/decapsulate.bpf.o', import.meta.url)));
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
