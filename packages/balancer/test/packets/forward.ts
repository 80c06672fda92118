/** A client's packet in each kind of tunnel, with every byte. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OptionError } from '@weir/ebpf';
import { flowSlot } from '../../src/datapath/hash/flow.js';
import type { Balancer } from '../../src/index.js';
import {
  byRing,
  choice,
  counted,
  drops,
  goesTo,
  hex,
  open,
  passes,
  REALS4,
  REALS6,
  service,
  services,
  tcp4,
  tcp6,
  udp4,
  udp6,
  VIP4,
  VIP6,
} from '../support/open-balancer.js';
import { frameOf, icmp4, ipPacket, ipv4, type Packet, toBalancer, u32 } from '../support/packet.js';
import { GUE_SOURCE4, GUE_SOURCE6, inGre, inGue, inTunnel, tunnelled } from '../support/tunnel.js';

describe('IP in IP', () => {
  it('IP in IP takes a flow to the real in its slot of the ring, in both families', () => {
    const balancer = open();
    services(balancer, 80);
    for (let port = 1024; port < 1049; port++) {
      for (const packet of [tcp4, udp4, tcp6, udp6]) {
        const flow = { ...packet, sourcePort: port, tos: port & 0xff };
        goesTo(balancer, flow, byRing(flow, packet.source.includes(':') ? REALS6 : REALS4));
      }
    }
  });

  it('IP in IP takes each of many services that are set at once to its own real', () => {
    const balancer = open();
    const at = (i: number) => ({
      vip: { address: `198.51.${i >> 8}.${i & 255}`, port: 80, protocol: 'tcp' as const },
      real: `10.7.${i >> 8}.${i & 255}`,
    });
    const all = Array.from({ length: 300 }, (_, i) => at(i + 1));
    balancer.setServices(all.map(({ vip, real }) => [vip, { reals: [{ address: real }] }]));
    for (const { vip, real } of all) goesTo(balancer, { ...tcp4, destination: vip.address }, real);
  });

  it('services that are removed at once are left to the host, and others stay', () => {
    const balancer = open();
    const vips = Array.from({ length: 40 }, (_, i) => ({
      address: i % 8 === 7 ? `198.18.${i}.0/24` : `198.51.0.${(i >> 1) + 1}`,
      port: 80 + (i & 1),
      protocol: 'tcp' as const,
    }));
    const to = (vip: (typeof vips)[number]): Packet => {
      const destination = vip.address.replace('.0/24', '.9');
      return { ...tcp4, destination, destinationPort: vip.port };
    };
    const echo = (destination: string) =>
      toBalancer(ipv4(tcp4.source, destination, 1, icmp4(8, 0, u32(0), [1, 2])));
    const set = (some: typeof vips, real: string) =>
      balancer.setServices(some.map((vip) => [vip, { reals: [{ address: real }] }]));
    for (const real of ['10.7.0.1', '10.7.0.2']) {
      set(vips, real);
      for (const vip of vips) goesTo(balancer, to(vip), real);
      const [gone, kept] = [vips.slice(0, 31), vips.slice(31)];
      assert.equal(balancer.removeServices([...gone, ...gone, { ...kept[0]!, port: 99 }]), gone.length);
      assert.equal(balancer.removeServices(gone), 0);
      for (const vip of gone) passes(balancer, frameOf(to(vip)));
      for (const vip of kept) goesTo(balancer, to(vip), real);
      passes(balancer, echo('198.51.0.1'));
      assert.equal(balancer.process(echo('198.51.0.20')).verdict, 'tx');
      assert.equal(balancer.services().length, kept.length);
    }
  });

  it('a published flow has its published slot', () => {
    const balancer = open();
    services(balancer, 80);
    assert.equal(flowSlot(tcp4), 48717);
    assert.equal(choice(balancer, tcp4), `ring ${byRing(tcp4, REALS4)}`);
  });

  it('IP in IP takes IPv4 to reals with IPv6', () => {
    const balancer = open();
    service(balancer, { address: VIP4, port: 80, protocol: 'tcp' }, REALS6.slice(0, 1));
    goesTo(balancer, { ...tcp4, tos: 0x2e }, REALS6[0]!);
  });

  it('IP in IP takes IPv6 to reals with IPv4', () => {
    const balancer = open();
    for (const protocol of ['tcp', 'udp'] as const)
      service(balancer, { address: VIP6, port: 80, protocol }, REALS4.slice(0, 1));
    goesTo(balancer, { ...tcp6, tos: 0x2e }, REALS4[0]!);
    goesTo(balancer, { ...udp6, padding: 3 }, REALS4[0]!);
    balancer.setSourceRoute('2001:db8::/32', REALS4[1]!);
    balancer.setService(
      { address: VIP6, port: 80, protocol: 'tcp' },
      { reals: [{ address: REALS4[0]! }, { address: REALS4[1]! }], flags: ['sourceRouting'] },
    );
    goesTo(balancer, { ...tcp6, flags: ['syn'] }, REALS4[1]!);
  });

  it('padding stays after the packet', () => {
    const balancer = open();
    service(balancer, { address: VIP4, port: 80, protocol: 'udp' }, REALS4.slice(0, 1));
    goesTo(balancer, { ...udp4, payload: [], padding: 18 }, REALS4[0]!);
  });

  it('traffic counts packets and bytes of the inner packet', () => {
    const balancer = open();
    service(balancer, { address: VIP4, port: 80, protocol: 'udp' }, REALS4.slice(0, 1));
    for (let i = 0; i < 5; i++) balancer.process(frameOf({ ...udp4, padding: 15 }));
    const [status] = balancer.services();
    assert.deepEqual([status!.packets, status!.bytes], [5, 5 * 31]);
    const [real] = balancer.reals();
    assert.deepEqual([real!.address, real!.packets, real!.bytes], [REALS4[0]!, 5, 5 * 31]);
  });
});

/** Asserts that each family goes to reals of each. */
function wrapsEachFamilyInEach(balancer: Balancer, wrap: typeof inTunnel): void {
  const cases = [
    [tcp4, REALS4[0]!],
    [udp4, REALS4[0]!],
    [tcp4, REALS6[0]!],
    [udp4, REALS6[0]!],
    [tcp6, REALS6[0]!],
    [udp6, REALS6[0]!],
    [tcp6, REALS4[0]!],
    [udp6, REALS4[0]!],
  ] as const;
  for (const [packet, real] of cases) {
    const { destination, destinationPort, protocol } = packet;
    service(balancer, { address: destination, port: destinationPort, protocol }, [real]);
    for (let i = 0; i < 40; i++) {
      const varied = {
        ...packet,
        sourcePort: 1024 + i * 997,
        tos: i,
        payload: new Array<number>(i * 3).fill(i),
      };
      goesTo(balancer, varied, real, wrap);
    }
  }
}

describe('GRE', () => {
  it('GRE wraps each family in each', () => {
    wrapsEachFamilyInEach(open({ gre: true }), inGre);
  });
});

describe('GUE', () => {
  const gue = { source4: GUE_SOURCE4, source6: GUE_SOURCE6 };

  it('GUE wraps each family in each', () => {
    wrapsEachFamilyInEach(open({ gue }), inGue);
  });

  it('GUE sums UDP packets over IPv6 that have no checksum', () => {
    const balancer = open({ gue });
    for (const real of [REALS6[0]!, REALS4[0]!]) {
      service(balancer, { address: VIP6, port: 80, protocol: 'udp' }, [real]);
      for (const size of [0, 1, 31, 32, 33, 511, 1400]) {
        const payload = Array.from({ length: size }, (_, i) => (i * 7 + size) & 0xff);
        goesTo(balancer, { ...udp6, withoutChecksum: true, payload, padding: 3 }, real, inGue);
      }
    }
  });

  it('GUE sums UDP packets that have no checksum', () => {
    const balancer = open({ gue });
    for (const real of [REALS4[0]!, REALS6[0]!]) {
      service(balancer, { address: VIP4, port: 80, protocol: 'udp' }, [real]);
      for (const size of [0, 1, 2, 3, 31, 32, 33, 63, 64, 65, 511, 1400, 1469]) {
        const payload = Array.from({ length: size }, (_, i) => (i * 7 + size) & 0xff);
        goesTo(balancer, { ...udp4, withoutChecksum: true, payload, padding: 3 }, real, inGue);
      }
    }
  });
});

describe('services', () => {
  it('services are found by port, then by prefix, then without port', () => {
    const balancer = open();
    const other = '203.0.113.9';
    const one = (address: string, port: number, real: string) =>
      service(balancer, { address, port, protocol: 'tcp' }, [real]);
    one('203.0.113.0/24', 0, '10.0.0.1');
    assert.equal(choice(balancer, { ...tcp4, destination: other }), 'ring 10.0.0.1');
    one(other, 0, '10.0.0.2');
    assert.equal(choice(balancer, { ...tcp4, destination: other }), 'ring 10.0.0.2');
    one('203.0.113.0/24', 80, '10.0.0.3');
    assert.equal(choice(balancer, { ...tcp4, destination: other }), 'ring 10.0.0.3');
    one('203.0.113.8/29', 80, '10.0.0.4');
    assert.equal(choice(balancer, { ...tcp4, destination: other }), 'ring 10.0.0.4');
    one(other, 80, '10.0.0.5');
    assert.equal(choice(balancer, { ...tcp4, destination: other }), 'ring 10.0.0.5');
    passes(balancer, frameOf({ ...udp4, destination: other }));
    for (const [address, port] of [
      [other, 80],
      ['203.0.113.8/29', 80],
      ['203.0.113.0/24', 80],
      [other, 0],
      ['203.0.113.0/24', 0],
    ] as const) {
      assert.equal(balancer.removeService({ address, port, protocol: 'tcp' }), true);
    }
    passes(balancer, frameOf({ ...tcp4, destination: other }));
    assert.deepEqual([balancer.services(), balancer.reals()], [[], []]);
  });

  it('in services for all ports the destination port counts as 0', () => {
    const balancer = open();
    const all = { address: VIP6, port: 0, protocol: 'tcp' } as const;
    service(balancer, all, REALS6);
    const any = byRing({ ...tcp6, destinationPort: 0 }, REALS6);
    for (let port = 1; port < 20; port++) goesTo(balancer, { ...tcp6, destinationPort: port }, any);
    service(balancer, all, REALS6, ['hashBothPorts']);
    for (let port = 1; port < 20; port++) {
      const packet = { ...tcp6, destinationPort: port };
      goesTo(balancer, packet, byRing(packet, REALS6));
    }
  });

  it('in services with a prefix the destination port counts as 0, unless they hash it', () => {
    const balancer = open();
    const any = { address: '203.0.113.0/24', port: 80, protocol: 'tcp' } as const;
    const packet = { ...tcp4, destination: '203.0.113.7' };
    service(balancer, any, REALS4);
    for (let port = 1; port < 20; port++) {
      const flow = { ...packet, sourcePort: port };
      goesTo(balancer, flow, byRing({ ...flow, destinationPort: 0 }, REALS4));
    }
    service(balancer, any, REALS4, ['hashBothPorts']);
    for (let port = 20; port < 40; port++) {
      const flow = { ...packet, sourcePort: port };
      goesTo(balancer, flow, byRing(flow, REALS4));
    }
  });

  it('with another hashMaxVips flows have other slots, in both families', () => {
    const balancer = open({ hashMaxVips: 256 });
    services(balancer, 80);
    for (let port = 1024; port < 1040; port++) {
      for (const [packet, reals] of [
        [tcp4, REALS4],
        [tcp6, REALS6],
      ] as const) {
        const flow = { ...packet, sourcePort: port };
        goesTo(balancer, flow, byRing({ ...flow, hashMaxVips: 256 } as Packet, reals));
      }
    }
  });

  it('with noSourcePort all flows of a client go to one real, with one outer source', () => {
    const balancer = open();
    services(balancer, 80, ['noSourcePort']);
    for (const [packet, reals] of [
      [tcp4, REALS4],
      [udp6, REALS6],
    ] as const) {
      const real = byRing({ ...packet, sourcePort: 0 }, reals);
      const { frame } = balancer.process(frameOf(packet));
      assert.equal(hex(frame), hex(inTunnel(ipPacket(packet), { ...packet, sourcePort: 0 }, real)));
    }
  });

  it('with hashDestinationPort all packets to a port go to one real', () => {
    const balancer = open();
    services(balancer, 80, ['hashDestinationPort']);
    const wanted = byRing({ source: '0.0.0.0', sourcePort: 80, destinationPort: 80 } as Packet, REALS4);
    for (const source of ['192.0.2.1', '192.0.2.2', '198.51.100.200']) {
      for (let i = 0; i < 3; i++) goesTo(balancer, { ...tcp4, source, sourcePort: 4000 + i }, wanted);
    }
    const wanted6 = byRing({ source: '::', sourcePort: 80, destinationPort: 80 } as Packet, REALS6);
    goesTo(balancer, tcp6, wanted6);
  });

  it('packets of local services to local reals stay unchanged, others go into the tunnel', () => {
    const balancer = open();
    const own = { address: VIP4, port: 81, protocol: 'tcp' } as const;
    const packet = { ...tcp4, destinationPort: 81 };
    const reals = [{ address: '10.0.0.9', local: true }];
    balancer.setService(own, { reals, flags: ['local'] });
    const counts = counted(balancer, () => passes(balancer, frameOf(packet)));
    assert.equal(counts.local, 1);
    assert.equal(balancer.services().find(({ service: { port } }) => port === 81)?.packets, 1);
    balancer.setService(own, { reals });
    goesTo(balancer, packet, '10.0.0.9');
    services(balancer, 80, ['local']);
    goesTo(balancer, tcp4, byRing(tcp4, REALS4));
  });

  it('the last ring stays when all weights are 0, without reals that leave', () => {
    const balancer = open();
    const web = { address: VIP4, port: 80, protocol: 'udp' } as const;
    const set = (...weights: (readonly [string, number])[]) =>
      balancer.setService(web, {
        reals: weights.map(([address, weight]) => ({ address, weight })),
        flags: ['noFlowTable'],
      });
    const [a = '', b = '', c = ''] = REALS4;
    set([a, 1], [b, 1], [c, 0]);
    set([a, 0], [b, 0], [c, 0]);
    assert.deepEqual(balancer.services()[0]!.keptWeights, [1, 1, 0]);
    const found = new Set<string | undefined>();
    for (let port = 1; port < 40; port++) {
      const packet = { ...udp4, sourcePort: port };
      goesTo(balancer, packet, byRing(packet, [a, b]));
      found.add(byRing(packet, [a, b]));
    }
    assert.equal(found.size, 2);
    set([b, 0], [c, 0]);
    goesTo(balancer, udp4, b);
    set([c, 0]);
    drops(balancer, frameOf(udp4));
    assert.equal(balancer.services()[0]!.keptWeights, undefined);
    set([a, 0], [c, 1]);
    goesTo(balancer, udp4, c);
  });

  it('services without reals drop packets', () => {
    const balancer = open();
    service(balancer, { address: VIP4, port: 80, protocol: 'tcp' }, []);
    const counts = counted(balancer, () => drops(balancer, frameOf({ ...tcp4, sourcePort: 999 })));
    assert.deepEqual(counts, { packets: 1, dropped: 1, flowMissOther: 1, emptySlot: 1 });
  });

  it('services are refused as a whole', () => {
    const balancer = open();
    services(balancer, 80);
    const before = balancer.services();
    const reals = balancer.reals();
    const good = [
      { address: VIP4, port: 80, protocol: 'tcp' },
      { reals: [{ address: '10.9.9.9' }] },
    ] as const;
    for (const bad of [
      [{ address: VIP4, port: 81, protocol: 'tcp' }, { reals: [{ address: '10.0.0.1', weight: -1 }] }],
      [
        { address: VIP4, port: 81, protocol: 'tcp' },
        { reals: [{ address: '10.0.0.1' }, { address: '10.0.0.1' }] },
      ],
      [{ address: '198.51.100.1/24', port: 81, protocol: 'tcp' }, { reals: [] }],
      [{ address: VIP4, port: 65536, protocol: 'tcp' }, { reals: [] }],
      [{ address: VIP4, port: 80, protocol: 'tcp' }, { reals: [] }],
    ] as const) {
      assert.throws(() => balancer.setServices([good, bad]), OptionError);
    }
    assert.deepEqual([balancer.services(), balancer.reals()], [before, reals]);
  });
});

describe('frames that are too long', () => {
  const long = { ...udp4, payload: new Array<number>(1473).fill(7) };
  const long6 = { ...udp6, payload: new Array<number>(1453).fill(7) };

  it('frames are forwarded up to 1514 bytes', () => {
    const balancer = open();
    service(balancer, { address: VIP4, port: 80, protocol: 'udp' }, REALS4.slice(0, 1));
    goesTo(balancer, { ...long, payload: long.payload.slice(1) }, REALS4[0]!);
  });

  it('too long frames are only dropped with icmpMtu 0', () => {
    const balancer = open({ icmpMtu: 0 });
    services(balancer, 80);
    const counts = counted(balancer, () => {
      drops(balancer, frameOf(long));
      drops(balancer, frameOf(long6));
    });
    assert.deepEqual(counts, { packets: 2, dropped: 2, tooBig: 2 });
  });

  it('longer frames are forwarded with a larger maxFrame', () => {
    const balancer = open({ maxFrame: 3000 });
    service(balancer, { address: VIP4, port: 80, protocol: 'udp' }, REALS4.slice(0, 1));
    goesTo(balancer, { ...long, payload: new Array<number>(2000).fill(9) }, REALS4[0]!);
    assert.equal(balancer.process(toBalancer(ipPacket(long))).verdict, 'tx');
    assert.equal(hex(balancer.process(frameOf(long)).frame), hex(tunnelled(long, REALS4[0]!)));
  });
});
