/** Translation of addresses: both directions with every byte, and the end of flows. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { OptionError } from '@weir/ebpf';
import type { Balancer } from '../../src/index.js';
import {
  comesBack,
  FIRST_PORT,
  goesOut,
  isV6,
  LAST_PORT,
  nat,
  OWN4,
  OWN6,
  openNat,
  REAL_PORT,
  REAL4,
  replyTo,
  setReals,
  toClient,
  toRouter,
  translated,
} from '../support/nat-packets.js';
import {
  CPU,
  choice,
  counted,
  drops,
  hex,
  open,
  passes,
  tcp4,
  tcp6,
  udp4,
  udp6,
  VIP4,
} from '../support/open-balancer.js';
import {
  frameOf,
  icmp4,
  icmp6,
  ipPacket,
  ipv4,
  ipv6,
  type Packet,
  reversed,
  toBalancer,
  u32,
} from '../support/packet.js';

const syn4: Packet = { ...tcp4, flags: ['syn'] };
const syn6: Packet = { ...tcp6, flags: ['syn'] };
const firsts = [syn4, udp4, syn6, udp6];

/** Waits for a condition that time alone brings about. */
async function until(isSo: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 60_000; !isSo(); await sleep(50)) {
    assert.ok(Date.now() < deadline, 'not within a minute');
  }
}

function name(packet: Packet): string {
  return `${packet.protocol} ${isV6(packet) ? 6 : 4}`;
}

/** Sends a connection's first three packets; returns its port. */
function connect(balancer: Balancer, packet: Packet): number {
  const port = goesOut(balancer, { ...packet, flags: ['syn'] });
  comesBack(balancer, packet, replyTo(packet, port, { flags: ['syn', 'ack'] }));
  assert.equal(goesOut(balancer, { ...packet, flags: ['ack'] }), port);
  return port;
}

describe('a translated flow', () => {
  for (const usual of firsts) {
    it(`a translated flow goes to its real and back: ${name(usual)}`, () => {
      const first = { ...usual, sourcePort: 777 };
      const balancer = openNat();
      const counts = counted(balancer, () => {
        const port = goesOut(balancer, first);
        assert.ok(port >= FIRST_PORT && port <= LAST_PORT);
        for (let i = 0; i < 12; i++) {
          const payload = Array.from({ length: i * 7 }, (_, j) => (i * 31 + j * 17) & 0xff);
          const more = { payload, tos: i, ttl: 255 - i, padding: i % 3, flags: ['ack'] } as const;
          assert.equal(goesOut(balancer, { ...first, ...more }), port);
          comesBack(balancer, first, replyTo(first, port, more));
        }
      });
      const { natReplyBytes, ...others } = counts;
      assert.deepEqual(others, { packets: 25, transmitted: 25, natCreated: 1, natReplies: 12, flowHit: 12 });
      assert.ok(natReplyBytes! > 12 * 28);
    });
  }

  it('each translated flow has its own port and valid checksums', () => {
    const balancer = openNat();
    for (const first of firsts) {
      const ports = new Set<number>();
      for (let i = 0; i < 40; i++) {
        const flow = { ...first, sourcePort: 1000 + i * 1577 };
        const port = goesOut(balancer, flow);
        ports.add(port);
        comesBack(balancer, flow, replyTo(flow, port));
      }
      assert.equal(ports.size, 40);
    }
  });

  it('translated UDP without a checksum stays without one', () => {
    const balancer = openNat();
    const flow = { ...udp4, withoutChecksum: true };
    comesBack(balancer, flow, replyTo(flow, goesOut(balancer, flow), { withoutChecksum: true }));
  });

  it("a real without a port gets translated flows on the service's port, also of services for all ports", () => {
    const balancer = openNat(nat, []);
    setReals(balancer, VIP4, 'tcp', [{ address: REAL4 }]);
    goesOut(balancer, syn4, REAL4, 80);
    const any = { address: VIP4, port: 0, protocol: 'tcp' } as const;
    balancer.setService(any, { reals: [{ address: REAL4 }], forwarding: 'nat' });
    for (const destinationPort of [81, 4000])
      goesOut(balancer, { ...syn4, destinationPort }, REAL4, destinationPort);
  });

  it('reals that share an address are distinguished by their ports', () => {
    const balancer = openNat(nat, []);
    setReals(balancer, VIP4, 'tcp', [
      { address: REAL4, port: 8081 },
      { address: REAL4, port: 8082 },
    ]);
    const ports = new Set<number | undefined>();
    for (let sourcePort = 1000; sourcePort < 1050; sourcePort++) {
      const flow = { ...syn4, sourcePort };
      const { real, realPort } = balancer.explain(frameOf(flow), CPU);
      assert.equal(real, REAL4);
      goesOut(balancer, flow, REAL4, realPort);
      ports.add(realPort);
    }
    assert.deepEqual([...ports].sort(), [8081, 8082]);
    assert.deepEqual(
      balancer.reals().map(({ port }) => port),
      [8081, 8082],
    );
  });

  it('explain shows a translated flow', () => {
    const balancer = openNat();
    assert.equal(choice(balancer, syn4), `ring ${REAL4}`);
    assert.equal(choice(balancer, tcp4), 'nat-unknown undefined');
    const { onSyn, ...found } = balancer.lookup(tcp4);
    assert.deepEqual([found.verdict, found.reason, found.real], ['drop', 'nat-unknown', undefined]);
    assert.deepEqual(
      [onSyn?.verdict, onSyn?.reason, onSyn?.real, onSyn?.realPort],
      ['tx', 'ring', REAL4, REAL_PORT],
    );
    const port = goesOut(balancer, syn4);
    assert.equal(balancer.lookup(tcp4).onSyn, undefined);
    assert.equal(choice(balancer, tcp4), `nat-flow ${REAL4}`);
    assert.equal(choice(balancer, replyTo(tcp4, port)), `nat-reply ${REAL4}`);
    assert.equal(
      choice(balancer, replyTo(tcp4, port === FIRST_PORT ? port + 1 : port - 1)),
      'not-a-vip undefined',
    );
    assert.equal(balancer.lookup(tcp4).realPort, REAL_PORT);
  });

  it('a translated flow counts for its service and its real', () => {
    const balancer = openNat();
    goesOut(balancer, udp4);
    goesOut(balancer, udp4);
    const status = balancer
      .services()
      .find(({ service: { address, protocol } }) => address === VIP4 && protocol === 'udp');
    assert.deepEqual([status?.packets, status?.bytes], [2, 62]);
    assert.equal(balancer.reals().find(({ address }) => address === REAL4)?.packets, 2);
  });

  it('replies go to the device and MAC address of the last packet', () => {
    const balancer = openNat();
    const port = connect(balancer, tcp4);
    const other = frameOf(tcp4);
    other.set([2, 0, 0, 0, 0, 0x99], 6);
    assert.equal(balancer.process(other).verdict, 'tx');
    const { frame } = balancer.process(frameOf(replyTo(tcp4, port)));
    assert.equal(hex(frame.subarray(0, 12)), '020000000099020000000001');
  });

  it('translation decrements the TTL, and drops a packet on its last hop', () => {
    const balancer = openNat();
    for (const first of firsts) {
      const port = goesOut(balancer, { ...first, ttl: 2 });
      for (const ttl of [0, 1]) {
        const counts = counted(balancer, () => {
          drops(balancer, frameOf({ ...first, ttl }));
          drops(balancer, frameOf(replyTo(first, port, { ttl })));
        });
        assert.equal(counts.natLastHop, 2);
      }
    }
  });
});

describe('replies that belong to no flow', () => {
  it('replies that belong to no flow are left to the host', () => {
    const balancer = openNat();
    const port = goesOut(balancer, syn4);
    const reply = replyTo(syn4, port);
    const udpPort = goesOut(balancer, udp4);
    for (const other of [
      { ...reply, source: '10.0.0.2' },
      { ...reply, sourcePort: REAL_PORT + 1 },
      { ...reply, protocol: 'udp' as const, destinationPort: udpPort === port ? port - 1 : port },
      { ...reply, destination: '192.0.2.78' },
      { ...reply, destinationPort: FIRST_PORT - 1 },
      { ...reply, destinationPort: LAST_PORT + 1 },
      { ...reply, destinationPort: 80 },
    ]) {
      passes(balancer, frameOf(other));
    }
  });
});

describe('packets that begin no flow', () => {
  it('TCP packets that begin no flow are reset, whatever they acknowledge', () => {
    const balancer = openNat();
    for (const known of [tcp4, tcp6]) {
      const packet = { ...known, sourcePort: 4444 };
      for (const [flags, length] of [
        [['ack'], 5],
        [['ack', 'fin'], 0],
        [['fin'], 3],
        [[], 2],
      ] as const) {
        const asked: Packet = { ...packet, flags, payload: new Array<number>(length).fill(1), padding: 4 };
        const counts = counted(balancer, () => {
          const { verdict, frame } = balancer.process(frameOf(asked));
          assert.equal(verdict, 'tx');
          const acknowledged = flags.includes('ack' as never);
          const answer: Packet = {
            ...reversed(packet),
            flags: acknowledged ? ['rst'] : ['rst', 'ack'],
            sequence: acknowledged ? 2000 : 0,
            acknowledgement: acknowledged ? 0 : 1000 + length + (flags.includes('fin' as never) ? 1 : 0),
            window: 0,
          };
          assert.equal(hex(frame), toClient(ipPacket(answer)));
        });
        assert.deepEqual(counts, { packets: 1, transmitted: 1, natUnknown: 1 });
      }
      const reset = frameOf({ ...packet, flags: ['rst'] });
      assert.equal(counted(balancer, () => drops(balancer, reset)).natUnknown, 1);
    }
  });
});

/** An ICMP error about a packet, sent by a router to that packet's source. */
function errorAbout(
  packet: Packet,
  type: number,
  rest: readonly number[],
  quoted: number,
  from?: string,
): number[] {
  const body = ipPacket(packet).slice(0, quoted);
  return isV6(packet)
    ? ipv6(
        from ?? '2001:db8:ffff::1',
        packet.source,
        58,
        icmp6(from ?? '2001:db8:ffff::1', packet.source, type, rest, body),
      )
    : ipv4(from ?? '203.0.113.1', packet.source, 1, icmp4(type, 0, rest, body));
}

/** The translated error about `packet`, with the packet's destination as its source. */
function translatedError(
  packet: Packet,
  from: string,
  type: number,
  rest: readonly number[],
  quoted: number,
): number[] {
  const body = ipPacket(packet).slice(0, quoted);
  return isV6(packet)
    ? ipv6(from, packet.source, 58, icmp6(from, packet.source, type, rest, body), { hopLimit: 63 })
    : ipv4(from, packet.source, 1, icmp4(type, 0, rest, body), { ttl: 63 });
}

describe('ICMP errors about a translated flow', () => {
  for (const first of firsts) {
    it(`ICMP errors about a translated flow go to the side whose packet they quote: ${name(first)}`, () => {
      const balancer = openNat();
      const port = goesOut(balancer, first);
      const header = isV6(first) ? 40 : 20;
      for (const type of isV6(first) ? [1, 2, 3, 4] : [3, 11, 12]) {
        for (const quoted of [header + 8, header + 16, header + 18, header + 20, 200]) {
          const rest = u32(1400);
          const payload = new Array<number>(40).fill(9);
          // An error about a packet to the real.
          const out: Packet = { ...translated({ ...first, payload }, port), ttl: 9 };
          const toBack = balancer.process(toBalancer(errorAbout(out, type, rest, quoted)));
          const asked: Packet = { ...first, payload, ttl: 9 };
          assert.equal(toBack.verdict, 'tx');
          assert.equal(
            hex(toBack.frame),
            toClient(translatedError(asked, first.destination, type, rest, quoted)),
          );
          // An error about a packet to the client.
          const back: Packet = { ...reversed(first), payload, ttl: 7 };
          const toReal = balancer.process(toBalancer(errorAbout(back, type, rest, quoted)));
          const answered: Packet = { ...reversed(translated(first, port)), payload, ttl: 7 };
          assert.equal(toReal.verdict, 'tx');
          const own = isV6(first) ? OWN6 : OWN4;
          assert.equal(hex(toReal.frame), toRouter(translatedError(answered, own, type, rest, quoted)));
        }
      }
    });
  }

  it('ICMP errors about other flows are refused or left to the host', () => {
    const balancer = openNat();
    const port = goesOut(balancer, udp4);
    const unknownFlow = { ...udp4, sourcePort: 9 };
    const about = errorAbout(reversed(unknownFlow), 3, u32(0), 60);
    assert.equal(counted(balancer, () => drops(balancer, toBalancer(about))).natUnknown, 1);
    const other = { ...translated(udp4, port), destinationPort: 9 };
    passes(balancer, toBalancer(errorAbout(other, 3, u32(0), 60)));
    // Services with tunnels get only unreachable and too big.
    balancer.setService({ address: VIP4, port: 81, protocol: 'udp' }, { reals: [{ address: REAL4 }] });
    const tunnelled = { ...udp4, destinationPort: 81 };
    passes(balancer, toBalancer(errorAbout(reversed(tunnelled), 11, u32(0), 60)));
    assert.equal(balancer.process(toBalancer(errorAbout(reversed(tunnelled), 3, u32(0), 60))).verdict, 'tx');
  });
});

describe('the end of a translated flow', () => {
  const brief = {
    ...nat,
    udpIdleSeconds: 0.5,
    tcpOpeningSeconds: 0.5,
    tcpHalfClosedSeconds: 0.5,
    tcpClosedSeconds: 0.5,
    tcpIdleSeconds: 4,
  };
  const flow = (i: number): Packet => ({ ...tcp4, sourcePort: 3000 + i });

  it('a translated flow ends when it is idle, sooner if it is opening, closing, or UDP', async () => {
    const balancer = openNat(brief);
    const open = flow(9);
    connect(balancer, open);
    const ended = { opening: flow(0), half: flow(1), closed: flow(2), reset: flow(3) };
    goesOut(balancer, { ...ended.opening, flags: ['syn'] });
    const half = connect(balancer, ended.half);
    comesBack(balancer, ended.half, replyTo(ended.half, half, { flags: ['fin', 'ack'] }));
    const closed = connect(balancer, ended.closed);
    comesBack(balancer, ended.closed, replyTo(ended.closed, closed, { flags: ['fin', 'ack'] }));
    goesOut(balancer, { ...ended.closed, flags: ['fin', 'ack'] });
    connect(balancer, ended.reset);
    goesOut(balancer, { ...ended.reset, flags: ['rst'] });
    const udpPort = goesOut(balancer, udp4);
    for (const packet of Object.values(ended)) {
      await until(() => {
        goesOut(balancer, open);
        return choice(balancer, packet) === 'nat-unknown undefined';
      });
    }
    await until(() => balancer.process(frameOf(replyTo(udp4, udpPort))).verdict === 'pass');
    await until(() => {
      goesOut(balancer, open);
      return balancer.natStatus()!.active === 1;
    });
    await until(() => choice(balancer, open) === 'nat-unknown undefined');
    assert.equal(balancer.natStatus()!.active, 0);
  });

  it('a closed translated flow frees its port, and a SYN begins a new one', () => {
    const balancer = openNat();
    const port = connect(balancer, tcp4);
    // A SYN that is sent again belongs to the same flow.
    assert.equal(goesOut(balancer, syn4), port);
    comesBack(balancer, tcp4, replyTo(tcp4, port, { flags: ['rst'] }));
    const next = goesOut(balancer, syn4);
    assert.notEqual(next, port);
    assert.equal(goesOut(balancer, tcp4), next);
    comesBack(balancer, tcp4, replyTo(tcp4, next));
  });

  it('a translated flow ends when its real is removed, not when it is drained', () => {
    const balancer = openNat();
    const fresh = { address: '10.0.0.2', port: 9090 };
    for (const [packet, first] of [
      [tcp4, syn4],
      [udp4, udp4],
    ] as const) {
      const { protocol } = packet;
      const port = goesOut(balancer, first);
      setReals(balancer, VIP4, protocol, [{ address: REAL4, port: REAL_PORT, weight: 0 }, fresh]);
      assert.equal(goesOut(balancer, packet), port);
      goesOut(balancer, { ...first, sourcePort: 77 }, fresh.address, fresh.port);
      setReals(balancer, VIP4, protocol, [fresh]);
      passes(balancer, frameOf(replyTo(packet, port)));
      if (protocol === 'tcp') {
        assert.equal(choice(balancer, packet), 'nat-unknown undefined');
        assert.equal(counted(balancer, () => balancer.process(frameOf(packet))).flowStale, 1);
      }
      const next = goesOut(balancer, first, fresh.address, fresh.port);
      assert.notEqual(next, port);
      assert.equal(goesOut(balancer, packet, fresh.address, fresh.port), next);
    }
  });
});

describe('ports', () => {
  const few = { ...nat, ports: [30_000, 30_003] as const, udpIdleSeconds: 3 };

  it('no translated flow begins while all ports are in use', async () => {
    const balancer = openNat(few);
    const flow = (i: number): Packet => ({ ...udp4, sourcePort: 100 + i });
    const ports = [0, 1, 2, 3].map((i) => goesOut(balancer, flow(i)));
    assert.deepEqual(ports.sort(), [30_000, 30_001, 30_002, 30_003]);
    const counts = counted(balancer, () => drops(balancer, frameOf(flow(4))));
    assert.deepEqual(counts, { packets: 1, dropped: 1, natExhausted: 1 });
    await until(() => balancer.natStatus()!.active === 0);
    const later = counted(balancer, () => {
      for (let i = 10; i < 14; i++) goesOut(balancer, flow(i));
    });
    assert.equal(later.natExpired, 4);
    assert.equal(choice(balancer, flow(1)), `ring ${REAL4}`);
  });

  it('ports of all sources are used', () => {
    const balancer = openNat({ ...few, sources: [OWN4, '192.0.2.88', OWN6] });
    const sources = new Set<string>();
    for (let i = 0; i < 8; i++) {
      const { verdict, frame } = balancer.process(frameOf({ ...udp4, sourcePort: 200 + i }));
      assert.equal(verdict, 'tx');
      sources.add(frame.subarray(26, 30).join('.'));
    }
    assert.deepEqual([...sources].sort(), [OWN4, '192.0.2.88']);
    assert.deepEqual(balancer.natStatus(), { active: 8, ports: 24 });
  });

  it('translated flows whose bucket is full are known like others', () => {
    const balancer = openNat({ ...nat, ports: [30_000, 30_063] });
    for (const first of firsts) {
      const flow = (i: number): Packet => ({ ...first, sourcePort: 100 + i });
      const ports = Array.from({ length: 48 }, (_, i) => goesOut(balancer, flow(i)));
      assert.equal(new Set(ports).size, 48);
      for (const [i, port] of ports.entries()) {
        assert.equal(goesOut(balancer, { ...flow(i), flags: ['ack'] }), port);
        comesBack(balancer, flow(i), replyTo(flow(i), port));
      }
      // Each begins again, with another port where the last one is not free yet.
      if (first.protocol === 'udp') continue;
      for (let i = 0; i < 4; i++) {
        comesBack(balancer, flow(i), replyTo(flow(i), ports[i]!, { flags: ['rst'] }));
        const next = goesOut(balancer, flow(i));
        assert.ok(!ports.includes(next));
        assert.equal(goesOut(balancer, { ...flow(i), flags: ['ack'] }), next);
        comesBack(balancer, flow(i), replyTo(flow(i), next));
      }
    }
  });

  it('two CPUs never assign the same port, and both know all flows', () => {
    const balancer = openNat();
    const ports = new Map<number, number>();
    const on = (cpu: number) =>
      execFileSync('taskset', ['-cp', String(cpu), String(process.pid)], { stdio: 'ignore' });
    const other = Number(execFileSync('nproc', ['--all'])) > 1 ? 1 : CPU;
    try {
      for (let i = 0; i < 80; i++) {
        if (i % 20 === 0) on(i % 40 === 0 ? CPU : other);
        ports.set(i, goesOut(balancer, { ...udp4, sourcePort: 5000 + i }));
      }
      assert.equal(new Set(ports.values()).size, 80);
      on(other);
      for (const [i, port] of ports) {
        const flow = { ...udp4, sourcePort: 5000 + i };
        assert.equal(goesOut(balancer, flow), port);
        comesBack(balancer, flow, replyTo(flow, port));
      }
    } finally {
      on(CPU);
    }
  });
});

describe('translation', () => {
  it('translation that makes no sense is refused', () => {
    const tunnels = open();
    const service = { address: VIP4, port: 80, protocol: 'tcp' } as const;
    const spec = { reals: [{ address: REAL4 }], forwarding: 'nat' } as const;
    assert.throws(() => tunnels.setService(service, spec), /needs nat\.sources/);
    assert.throws(
      () => tunnels.setService(service, { reals: [{ address: REAL4, port: 1 }] }),
      /forwarding: nat/,
    );
    const balancer = open({ nat: { ...nat, sources: [OWN4] } });
    const refused = (reals: readonly object[], more: object = {}) =>
      assert.throws(
        () => balancer.setService(service, { ...spec, reals: reals as never, ...more }),
        OptionError,
      );
    refused([{ address: 'fd00::1' }]);
    refused([{ address: REAL4, local: true }]);
    refused([{ address: REAL4, port: 70_000 }]);
    refused([
      { address: REAL4, port: 7 },
      { address: REAL4, port: 7 },
    ]);
    refused([{ address: REAL4 }], { flags: ['local'] });
    const six = { address: '2001:db8::1', port: 80, protocol: 'tcp' } as const;
    assert.throws(
      () => balancer.setService(six, { ...spec, reals: [{ address: 'fd00::1' }] }),
      /needs an IPv6 address in nat\.sources/,
    );
    assert.deepEqual([balancer.services(), balancer.reals()], [[], []]);
    for (const wrong of [
      { sources: [] },
      { sources: [OWN4, OWN4] },
      { sources: [OWN4], ports: [5, 4] as const },
      { sources: [OWN4], ports: [0, 4] as const },
      { sources: [OWN4], udpIdleSeconds: 0 },
    ]) {
      assert.throws(() => open({ nat: wrong }), OptionError);
    }
  });
});
