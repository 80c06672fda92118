/** Attachments and next hops of a balancer: modes, several devices, chains, routers. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { existsSync } from 'node:fs';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Collection } from '@weir/ebpf';
import { withNetns } from '@weir/ebpf/sys';
import { readObject } from '../src/datapath/objects.js';
import { Balancer, type BalancerOptions, Decapsulator } from '../src/index.js';
import { BALANCER_DEVICE, connect, ip, makeNetwork, ROUTER, ROUTER_MAC, VIP } from './support/network.js';
import { frameOf } from './support/packet.js';

const { balancer: namespace, reals } = makeNetwork(1);
const [real] = reals;
const service = { address: VIP, port: 9, protocol: 'udp' } as const;
const spec = { reals: [{ address: real!.address }] };
const sizes = { flows: 300, maxGlobalFlows: 16, maxServerIds: 16, maxSourceRoutes: 16 };

function open(options: Partial<BalancerOptions>): Balancer {
  return withNetns(namespace, () => Balancer.open({ ...sizes, ...options }));
}

function served(options: Partial<BalancerOptions>): Balancer {
  const balancer = open(options);
  balancer.setService(service, spec);
  return balancer;
}

function arrived(): number {
  return Number(real!.decapsulator.packets);
}

/** Sends datagrams from the client to the VIP until one reaches the real, or for some milliseconds. */
async function reaches(patience = 10_000): Promise<boolean> {
  const socket = createSocket('udp4');
  try {
    const before = arrived();
    const deadline = Date.now() + patience;
    while (Date.now() < deadline) {
      socket.send('x', 9, VIP);
      await sleep(10);
      if (arrived() > before) return true;
    }
    return false;
  } finally {
    socket.close();
  }
}

/** Polls until a condition holds. */
async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, 'in time');
    await sleep(20);
  }
}

describe('devices', () => {
  it('a device is attached in generic mode', async () => {
    using balancer = served({ interface: BALANCER_DEVICE, mode: 'generic' });
    assert.deepEqual(balancer.interfaces(), [{ interface: BALANCER_DEVICE, mode: 'generic' }]);
    assert.ok(await reaches());
  });

  it('two devices each have their own router', async () => {
    connect('c9', '10.9.9.1', namespace, 'b9', '10.9.9.2');
    ip('link set c9 address 02:00:00:00:00:09');
    using _peer = Decapsulator.open({ interfaces: ['c9'], addresses: [] });
    const interfaces = [BALANCER_DEVICE, { name: 'b9', router: '10.9.9.1' }];
    const balancer = served({ interfaces, pin: 'two' });
    assert.deepEqual(
      balancer.routers().map(({ interface: device, mac }) => [device, mac]),
      [
        [BALANCER_DEVICE, ROUTER_MAC],
        ['b9', '02:00:00:00:00:09'],
      ],
    );
    assert.ok(await reaches());
    ip(`route replace ${VIP} via 10.9.9.2`);
    assert.ok(await reaches());
    balancer[Symbol.dispose]();
    assert.ok(await reaches(), 'without its process');

    const one = open({ interface: 'b9', router: '10.9.9.1', pin: 'two' });
    assert.ok(one.resumed);
    assert.deepEqual(one.interfaces(), [{ interface: 'b9', mode: 'native' }]);
    assert.ok(await reaches());
    const shown = withNetns(namespace, () => ip(`link show ${BALANCER_DEVICE}`));
    assert.doesNotMatch(shown, /xdp/, 'a device that is not wanted any more');
    assert.throws(() => Balancer.detach('two'), new RegExp(`run by process ${process.pid} already`));
    one[Symbol.dispose]();
    assert.deepEqual(Balancer.pinned(), ['two']);
    assert.equal(Balancer.detach('two'), true);
    assert.equal(Balancer.detach('two'), false);
    assert.equal(await reaches(100), false);
    ip(`route replace ${VIP} via 10.1.0.2`);
  });

  it('a device that goes away takes its attachment with it', () => {
    connect('c8', '10.8.8.1', namespace, 'b8', '10.8.8.2');
    const balancer = open({ interface: 'b8', router: '10.8.8.1', pin: 'gone' });
    ip('link delete c8');
    assert.deepEqual(balancer.interfaces(), [{ interface: 'b8', mode: undefined }]);
    balancer.detach();
    assert.ok(!existsSync('/sys/fs/bpf/weir/gone'));
  });
});

describe('decapsulation', () => {
  it('a pinned decapsulator goes on without its process, and in another one', () => {
    connect('c7', '10.7.7.1', namespace, 'b7', '10.7.7.2');
    const options = { interfaces: ['c7'], pin: 'real' };
    const first = Decapsulator.open({ ...options, addresses: ['10.7.7.1', 'fd00::1'] });
    assert.throws(() => Decapsulator.open({ ...options, addresses: [] }), /real is run by process/);
    first[Symbol.dispose]();
    assert.match(ip('link show c7'), /xdp/);
    const second = Decapsulator.open({ ...options, addresses: ['10.7.7.1', 'fd00:0::2'] });
    assert.deepEqual(second.tunnelEnds().sort(), ['10.7.7.1', 'fd00::2']);
    second.detach();
    assert.doesNotMatch(ip('link show c7'), /xdp/);
    assert.ok(!existsSync('/sys/fs/bpf/weir-decapsulator'));
    assert.equal(Decapsulator.detach('real'), false);
  });
});

describe('chains', () => {
  it('the balancer runs after another program, and before one', async () => {
    // The program in front passes all packets on, since it has no services.
    using front = open({ interface: BALANCER_DEVICE, callsNext: true, pin: 'front' });
    const chain = { map: '/sys/fs/bpf/weir/front/next_program', index: 0 };
    const first = served({ chain, pin: 'behind', router: ROUTER });
    assert.ok(await reaches());
    const { counters } = first;
    assert.ok(counters.call(first).transmitted > 0);
    first[Symbol.dispose]();
    assert.ok(await reaches(), 'without its process');

    const second = open({ chain, pin: 'behind', router: ROUTER, callsNext: true });
    assert.ok(second.resumed);
    assert.ok(await reaches());
    assert.throws(() => open({ chain, pin: 'rival', router: ROUTER }), /slot 0 of .* holds another program/);
    assert.throws(
      () => open({ chain: { ...chain, index: 1 }, pin: 'rival', router: ROUTER }),
      /chain slot 1/,
    );

    // Decapsulation runs after it: it counts packets that the balancer leaves to the host.
    using after = Collection.load(readObject('decapsulate.bpf.o'));
    const program = after.program('decapsulate_packet');
    program.pin('/sys/fs/bpf/after');
    second.setNext('/sys/fs/bpf/after');
    assert.ok(await reaches());
    second.setNext(undefined);

    second.detach();
    assert.ok(!existsSync('/sys/fs/bpf/weir/behind'));
    assert.equal(await reaches(100), false, 'the slot is empty');
    front.detach();
  });

  it('a chain needs a pin, and excludes devices', () => {
    const chain = { map: '/sys/fs/bpf/none', index: 0 };
    assert.throws(() => open({ chain, router: ROUTER }), /chain needs pin/);
    assert.throws(() => open({ chain, pin: 'x', interface: BALANCER_DEVICE }), /exclude each other/);
    assert.throws(() => open({ chain, pin: 'x', router: ROUTER }), /ENOENT: .*\/sys\/fs\/bpf\/none/);
    assert.deepEqual(Balancer.pinned(), []);
  });
});

describe('routers', () => {
  const frame = frameOf({
    source: '192.0.2.1',
    sourcePort: 1000,
    destination: VIP,
    destinationPort: 9,
    protocol: 'udp',
  });

  it("a router's new MAC address is followed", async () => {
    using balancer = served({ interface: BALANCER_DEVICE });
    const sentTo = () => Buffer.from(balancer.process(frame).frame.subarray(0, 6)).toString('hex');
    assert.equal(sentTo(), ROUTER_MAC.replaceAll(':', ''));
    withNetns(namespace, () =>
      ip(`neighbour replace ${ROUTER} lladdr 02:00:00:00:00:77 dev ${BALANCER_DEVICE}`),
    );
    await until(() => sentTo() === '020000000077');
    assert.equal(balancer.routers()[0]!.state, 'known');
    balancer.setRouterMac('02:00:00:00:00:78');
    assert.equal(sentTo(), '020000000078');
    assert.equal(balancer.routers()[0]!.state, 'given');
    withNetns(namespace, () => ip(`neighbour delete ${ROUTER} dev ${BALANCER_DEVICE}`));
  });

  it('an unknown router is reported', () => {
    assert.throws(
      () => open({ interface: BALANCER_DEVICE, router: '10.1.0.77' }),
      /router 10\.1\.0\.77 on b0 does not answer, and its MAC address is not known/,
    );
    assert.throws(() => open({ interface: 'lo' }), /lo has no default gateway: name/);
    assert.throws(() => open({ interface: 'none' }), /ENODEV/);
  });
});
