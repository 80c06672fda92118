/**
 * Packets come in through one device and leave by another: a client, a balancer between two networks, and a real on the
 * second one. Requests are answered in tunnels of both families, and translated in both directions.
 */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { createServer, connect as dial } from 'node:net';
import { after, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { withNetns } from '@weir/ebpf/sys';
import {
  Balancer,
  type BalancerOptions,
  Decapsulator,
  type UnsentCounts,
  UnsentPackets,
} from '../src/index.js';
import { BALANCER_DEVICE, connect, ip, makeNetwork, newNamespace, VIP } from './support/network.js';
import { frameOf } from './support/packet.js';

const VIP6 = '2001:db8::1';
const EXIT = 'b1';
const EXIT_MAC = '02:00:00:00:01:01';
const REAL_MAC = '02:00:00:00:01:02';
const { balancer: namespace } = makeNetwork(0);
const real = newNamespace();

let decapsulator: Decapsulator | undefined;

ip('address add fd00:1::1/64 dev c0 nodad');
ip(`-6 route add ${VIP6} via fd00:1::2`);
withNetns(namespace, () => {
  writeFileSync('/proc/sys/net/ipv6/conf/all/forwarding', '1');
  ip(`address add fd00:1::2/64 dev ${BALANCER_DEVICE} nodad`);
  joinReal();
});
withNetns(real, () => {
  ip(`address add ${VIP}/32 dev lo`);
  ip(`address add ${VIP6}/128 dev lo nodad`);
});

/** Makes the network of the real, from the balancer's namespace. */
function joinReal(): void {
  connect(EXIT, '10.2.1.1', real, 'r0', '10.2.1.2');
  ip(`link set ${EXIT} address ${EXIT_MAC}`);
  ip(`address add fd00:2::1/64 dev ${EXIT} nodad`);
  withNetns(real, () => {
    ip(`link set r0 address ${REAL_MAC}`);
    ip('address add fd00:2::2/64 dev r0 nodad');
    ip('-6 route add default via fd00:2::1');
    decapsulator = Decapsulator.open({ interfaces: ['r0'], addresses: ['10.2.1.2', 'fd00:2::2'] });
  });
}

// A client's FIN may find no balancer any more.
const server = createServer((socket) => socket.end('answered', () => socket.destroy()));
withNetns(real, () => server.listen(80));
after(() => server.close());

function open(options: Partial<BalancerOptions>): Balancer {
  const sizes = { flows: 300, maxGlobalFlows: 16, maxServerIds: 16, maxSourceRoutes: 16 };
  return withNetns(namespace, () =>
    Balancer.open({ ...sizes, router: '10.2.1.2', routerInterface: EXIT, ...options }),
  );
}

function request(host: string): Promise<string> {
  return new Promise((done, fail) => {
    const socket = dial({ host, port: 80 });
    let text = '';
    socket.setTimeout(60_000, () => socket.destroy(new Error(`${host} does not answer`)));
    socket
      .on('data', (bytes) => (text += bytes))
      .on('end', () => done(text))
      .on('error', fail);
  });
}

/** Serves both VIPs, and asserts that requests are answered. */
async function answers(balancer: Balancer, forwarding: 'tunnel' | 'nat'): Promise<void> {
  for (const [address, behind] of [
    [VIP, '10.2.1.2'],
    [VIP6, 'fd00:2::2'],
  ] as const) {
    balancer.setService({ address, port: 80, protocol: 'tcp' }, { forwarding, reals: [{ address: behind }] });
    for (let i = 0; i < 5; i++) assert.equal(await request(address), 'answered');
  }
}

for (const [mode, kind, options] of [
  ['native', 'ipip', {}],
  ['generic', 'gre', { gre: true }],
  ['native', 'gue', { gue: { source4: '10.2.1.1', source6: 'fd00:2::1' } }],
] as const) {
  it(`packets in tunnels leave by the device that leads to the router: ${mode}, ${kind}`, async () => {
    using balancer = open({ interface: BALANCER_DEVICE, mode, ...options });
    assert.deepEqual(balancer.routers(), [
      {
        interface: BALANCER_DEVICE,
        routerInterface: EXIT,
        address: '10.2.1.2',
        mac: REAL_MAC,
        state: 'known',
      },
    ]);
    await answers(balancer, 'tunnel');
    const { transmitted, redirected } = balancer.counters();
    assert.ok(redirected >= 20, `${redirected}`);
    assert.equal(transmitted, redirected);
    // The last packets of a connection come after its end, between two looks at the counters.
    const outer = () => {
      const counters = decapsulator!.counters();
      return [counters[`${kind}4`].packets, counters[`${kind}6`].packets] as const;
    };
    const isEqual = () => outer()[0] + outer()[1] === balancer.counters().redirected;
    for (const deadline = Date.now() + 60_000; !isEqual(); await sleep(50))
      assert.ok(Date.now() < deadline, `${outer()} ${JSON.stringify(balancer.counters())}`);
    assert.ok(outer()[0] >= 10 && outer()[1] >= 10, `${outer()}`);
  });
}

it('translated packets go to the router by its device, and replies to the client by the other', async () => {
  using balancer = open({
    interfaces: [BALANCER_DEVICE, EXIT],
    mode: 'native',
    nat: { sources: ['10.2.1.1', 'fd00:2::1'], nextHop: 'router' },
  });
  await answers(balancer, 'nat');
  const counted = balancer.counters();
  const { transmitted, redirected, natReplies, natUnknown } = counted;
  assert.ok(natReplies >= 20, `${natReplies}`);
  // The end of a connection of before is answered with a reset, by the device on which it came.
  assert.ok(redirected >= 40 && transmitted - redirected <= natUnknown, JSON.stringify(counted));
});

/** Sends datagrams to a VIP. */
async function send(count: number, address: string): Promise<void> {
  const socket = createSocket('udp4');
  for (let i = 0; i < count; i++)
    await new Promise<void>((sent, fail) =>
      socket.send('x', 80, address, (error) => (error ? fail(error) : sent())),
    );
  socket.close();
}

it('packets that drivers do not take are counted, each once, and no others', async () => {
  // The peer of this veth has no program, so that nobody polls for what XDP sends.
  const lonely = '198.51.100.9';
  connect('c2', '10.3.0.1', namespace, 'b2', '10.3.0.2');
  ip(`route add ${lonely} via 10.3.0.2`);
  using unsent = withNetns(namespace, () => new UnsentPackets([BALANCER_DEVICE, 'b2']));
  using elsewhere = new UnsentPackets(['c0', 'c2']);
  const counted = async (balancer: Balancer, count: number, expected: UnsentCounts, address: string) => {
    balancer.setService({ address, port: 80, protocol: 'udp' }, { reals: [{ address: '10.2.1.2' }] });
    await send(count, address);
    // A busy machine takes its time to have all of them pass.
    const isReached = () =>
      balancer.counters().transmitted >= count && isDeepStrictEqual(unsent.counts(), expected);
    for (const deadline = Date.now() + 60_000; !isReached(); await sleep(50))
      assert.ok(Date.now() < deadline, JSON.stringify([unsent.counts(), balancer.counters()]));
    assert.equal(balancer.counters().transmitted, count);
  };
  {
    using balancer = open({ interface: BALANCER_DEVICE, mode: 'native' });
    await counted(balancer, 7, { redirected: 0, transmitted: 0 }, VIP);
  }
  decapsulator![Symbol.dispose]();
  {
    using balancer = open({ interface: BALANCER_DEVICE, mode: 'native' });
    await counted(balancer, 20, { redirected: 20, transmitted: 0 }, VIP);
  }
  {
    using balancer = withNetns(namespace, () =>
      Balancer.open({ interface: 'b2', mode: 'native', routerMac: REAL_MAC, flows: 300 }),
    );
    await counted(balancer, 30, { redirected: 20, transmitted: 30 }, lonely);
  }
  assert.deepEqual(elsewhere.counts(), { redirected: 0, transmitted: 0 });
});

it('a device that was made again is found, with its new MAC address', async () => {
  using balancer = open({ interface: BALANCER_DEVICE, routerMac: REAL_MAC, pin: 'exit' });
  balancer.setService({ address: VIP, port: 80, protocol: 'tcp' }, { reals: [{ address: '10.2.1.2' }] });
  const frame = frameOf({
    source: '192.0.2.1',
    sourcePort: 1000,
    destination: VIP,
    destinationPort: 80,
    protocol: 'tcp',
  });
  const macs = () => Buffer.from(balancer.process(frame).frame.subarray(0, 12)).toString('hex');
  const expected = (exit: string) => `${REAL_MAC}${exit}`.replaceAll(':', '');
  try {
    assert.equal(macs(), expected(EXIT_MAC));
    assert.equal(balancer.process(frame).verdict, 'redirect');
    const other = '02:00:00:00:01:09';
    withNetns(namespace, () => {
      ip(`link delete ${EXIT}`);
      joinReal();
      ip(`link set ${EXIT} address ${other}`);
    });
    for (const deadline = Date.now() + 60_000; macs() !== expected(other); await sleep(50))
      assert.ok(Date.now() < deadline, macs());
    assert.equal(await request(VIP), 'answered');
  } finally {
    balancer.detach();
  }
});

it('a device that leads to the router, but is not there, is named', () => {
  assert.throws(() => open({ routerInterface: 'none' }), /look up the router's device none/);
});
