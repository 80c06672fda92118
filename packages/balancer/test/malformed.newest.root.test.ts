/** What is no packet of a flow: cut off at every byte, in pieces, with options, or noise. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Balancer } from '../src/index.js';
import {
  counted,
  drops,
  open,
  passes,
  services,
  tcp4,
  tcp6,
  udp4,
  udp6,
  VIP4,
  VIP6,
} from './support/balancer.js';
import { ethernet, frameOf, ipPacket, ipv4, ipv6, segment, toBalancer } from './support/packet.js';

const elsewhere4 = '192.0.2.200';
const elsewhere6 = '2001:db8:0:0:0:0:0:ff';

/** Dropped if it is for a VIP, else left to the host. */
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
    it(`at any byte is dropped for a VIP and passed for others: ${packet.protocol} ${v6 ? 6 : 4}`, () => {
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

  it('whose header says less than the transport header needs', () => {
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
  it('with options is refused', () => {
    const balancer = open();
    services(balancer, 80);
    for (const options of [[1, 1, 1, 1], new Array<number>(40).fill(1)]) {
      refused(balancer, (to) => ipv4(tcp4.source, to, 6, segment({ ...tcp4, destination: to }), { options }));
    }
  });

  it('in pieces is refused, what must not be cut is not', () => {
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

  it('that says another version is refused', () => {
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
  it('in pieces is refused, with other headers passed', () => {
    const balancer = open();
    services(balancer, 80);
    refused(balancer, (to) => ipv6(tcp6.source, to, 44, [6, 0, 0, 0, 0, 0, 0, 1, ...segment(tcp6)]), true);
    for (const next of [0, 43, 60, 51]) {
      passes(balancer, toBalancer(ipv6(tcp6.source, VIP6, next, [6, 0, 0, 0, 0, 0, 0, 0, ...segment(tcp6)])));
    }
  });
});

describe('other packets', () => {
  it('are left to the host', () => {
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

/** A small generator of the same numbers each time. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('noise', () => {
  it('is never sent unless it is for a VIP', () => {
    const balancer = open({ tcpServerIds: true });
    services(balancer, 80, ['quic', 'stableUdp', 'sourceRouting', 'globalFlows', 'udpMigration']);
    const next = random(20240229);
    const samples = [tcp4, udp4, tcp6, udp6].map((packet) =>
      frameOf({ ...packet, payload: new Array<number>(24).fill(0x52) }),
    );
    let sent = 0;
    for (let round = 0; round < 2000; round++) {
      const frame = Uint8Array.from(samples[Math.floor(next() * samples.length)]!);
      const changes = 1 + Math.floor(next() * 4);
      for (let i = 0; i < changes; i++)
        frame[12 + Math.floor(next() * (frame.length - 12))] = Math.floor(next() * 256);
      const cut = next() < 0.3 ? frame.subarray(0, 14 + Math.floor(next() * (frame.length - 14))) : frame;
      const { verdict } = balancer.process(cut);
      assert.notEqual(verdict, 'aborted');
      if (verdict !== 'tx') continue;
      sent++;
      const v6 = cut[12] === 0x86;
      const destination = Buffer.from(cut.subarray(v6 ? 38 : 30, v6 ? 54 : 34)).toString('hex');
      assert.equal(
        destination,
        v6 ? '20010db8000000000000000000000001' : 'c6336401',
        Buffer.from(cut).toString('hex'),
      );
    }
    assert.ok(sent > 200 && sent < 1900, `${sent}`);
  });
});
