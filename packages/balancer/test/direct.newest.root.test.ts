/** Direct routing: every byte of packets, in a network namespace of the test with a neighbour on a veth. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Namespace, unshare } from '@weir/ebpf/sys';
import { Balancer } from '../src/index.js';
import { ip } from './support/network.js';
import { choice, counted, hex, open, tcp4, tcp6, udp4, udp6, VIP4, VIP6 } from './support/open-balancer.js';
import { frameOf, type Packet } from './support/packet.js';

const DEVICE_MAC = '02:00:00:00:05:01';
const REAL_MAC = '02:00:00:00:05:09';
const OTHER_MAC = '02:00:00:00:05:0a';
const REAL4 = '10.5.0.9';
const REAL6 = 'fd00:5:0:0:0:0:0:9';

unshare(Namespace.mount);
execFileSync('mount', ['--make-rprivate', '/']);
execFileSync('mount', ['-t', 'bpf', 'bpf', '/sys/fs/bpf']);
unshare(Namespace.net);
ip('link set lo up');
ip(`link add d0 address ${DEVICE_MAC} type veth peer name d1`);
ip('link set d1 up');
ip('link set d0 up');
ip('address add 10.5.0.1/24 dev d0');
ip('address add fd00:5::1/64 dev d0 nodad');

function place(address: string, mac: string): void {
  ip(`neighbour replace ${address} lladdr ${mac} nud permanent dev d0`);
}

function setDirect(balancer: Balancer, real4 = REAL4, real6 = REAL6): void {
  for (const protocol of ['tcp', 'udp'] as const) {
    for (const [address, real] of [
      [VIP4, real4],
      [VIP6, real6],
    ] as const)
      balancer.setService(
        { address, port: 80, protocol },
        { forwarding: 'direct', reals: [{ address: real }] },
      );
  }
}

function bytes(mac: string): number[] {
  return mac.split(':').map((byte) => Number.parseInt(byte, 16));
}

/** The packet as it was, with other MAC addresses. */
function moved(packet: Packet, mac: string): string {
  const frame = frameOf(packet);
  frame.set([...bytes(mac), ...bytes(DEVICE_MAC)]);
  return hex(frame);
}

/** Asserts that a packet leaves by the real's device, which is not the one of test runs. */
function goesDirectly(balancer: Balancer, packet: Packet, mac: string): void {
  const { verdict, frame } = balancer.process(frameOf(packet));
  assert.deepEqual([verdict, hex(frame)], ['redirect', moved(packet, mac)]);
}

it('packets go to the real as they are, with its MAC address', () => {
  place(REAL4, REAL_MAC);
  place(REAL6, REAL_MAC);
  const balancer = open();
  setDirect(balancer);
  const counts = counted(balancer, () => {
    for (const packet of [tcp4, udp4, tcp6, udp6])
      for (const more of [{}, { ttl: 1, tos: 0x28 }, { padding: 3 }])
        goesDirectly(balancer, { ...packet, ...more }, REAL_MAC);
  });
  assert.deepEqual([counts.packets, counts.transmitted, counts.noNeighbour], [12, 12, undefined]);
  assert.equal(choice(balancer, tcp4), `flow-table ${REAL4}`);
  assert.deepEqual(
    balancer.reals().map(({ packets }) => packets),
    [6, 6],
  );
  assert.deepEqual(new Set(balancer.directReals().map(({ state }) => state)), new Set(['known']));
});

it('frames of any length go directly, since nothing is put in front', () => {
  place(REAL4, REAL_MAC);
  const balancer = open({ maxFrame: 1300 });
  setDirect(balancer);
  goesDirectly(balancer, { ...udp4, payload: Array.from({ length: 1400 }, (_, i) => i & 0xff) }, REAL_MAC);
});

it('a packet of one family goes directly to a real with an address of the other', () => {
  place(REAL4, REAL_MAC);
  place(REAL6, OTHER_MAC);
  const balancer = open();
  setDirect(balancer, REAL6, REAL4);
  goesDirectly(balancer, tcp4, OTHER_MAC);
  goesDirectly(balancer, tcp6, REAL_MAC);
});

it('packets follow a real that gets another MAC address', async () => {
  place(REAL4, REAL_MAC);
  const balancer = open();
  setDirect(balancer);
  goesDirectly(balancer, tcp4, REAL_MAC);
  place(REAL4, OTHER_MAC);
  const now = () => hex(balancer.process(frameOf(tcp4)).frame);
  for (const deadline = Date.now() + 60_000; now() !== moved(tcp4, OTHER_MAC); await sleep(50))
    assert.ok(Date.now() < deadline, now());
});

it('packets to a real whose MAC address is not known are dropped and counted', () => {
  const balancer = open();
  setDirect(balancer, '10.77.0.9', '10.5.0.200');
  for (const packet of [tcp4, tcp6]) {
    const counts = counted(balancer, () => {
      const { verdict, frame } = balancer.process(frameOf(packet));
      assert.deepEqual([verdict, hex(frame)], ['drop', hex(frameOf(packet))]);
    });
    assert.deepEqual([counts.dropped, counts.noNeighbour], [1, 1]);
  }
  assert.deepEqual(new Set(balancer.directReals().map(({ state }) => state)), new Set(['unknown']));
});

it('a service can change between tunnel and direct routing', () => {
  place(REAL4, REAL_MAC);
  const balancer = open();
  setDirect(balancer);
  goesDirectly(balancer, tcp4, REAL_MAC);
  balancer.setService({ address: VIP4, port: 80, protocol: 'tcp' }, { reals: [{ address: REAL4 }] });
  const { verdict, frame } = balancer.process(frameOf(tcp4));
  assert.deepEqual([verdict, frame.length], ['tx', frameOf(tcp4).length + 20]);
  setDirect(balancer);
  goesDirectly(balancer, tcp4, REAL_MAC);
});

it('the next process goes on with the MAC addresses of the last one, also of a real that does not answer', () => {
  place(REAL4, REAL_MAC);
  place(REAL6, REAL_MAC);
  const options = {
    interface: 'd0',
    mode: 'generic',
    routerMac: REAL_MAC,
    pin: 'direct',
    flows: 3000,
  } as const;
  const first = Balancer.open(options);
  setDirect(first);
  goesDirectly(first, tcp4, REAL_MAC);
  first[Symbol.dispose]();
  ip(`neighbour del ${REAL4} dev d0`);
  const second = Balancer.open(options);
  try {
    assert.ok(second.resumed);
    assert.deepEqual(
      new Set(second.directReals().map(({ address, state }) => `${address} ${state}`)),
      new Set([`${REAL4} lost`, `${REAL6} known`]),
    );
    for (const packet of [tcp4, tcp6]) goesDirectly(second, packet, REAL_MAC);
    second.removeServices(second.services().map(({ service }) => service));
    assert.deepEqual(second.directReals(), []);
  } finally {
    second.detach();
  }
});
