/** An end of tunnels that is no real: it sends inner packets on to a server behind it, by GUE and IP in IP, with both families. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer, connect as dial } from 'node:net';
import { after, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { withNetns } from '@weir/ebpf/sys';
import { Balancer, Decapsulator } from '../src/index.js';
import { BALANCER_DEVICE, connect, ip, makeNetwork, newNamespace, VIP } from './support/network.js';

const VIP6 = '2001:db8::1';
const { balancer: namespace } = makeNetwork(0);
const [end, behind] = [newNamespace(), newNamespace()];

function forwardIpv6(): void {
  writeFileSync('/proc/sys/net/ipv6/conf/all/forwarding', '1');
}

forwardIpv6();
ip('address add fd00:1::1/64 dev c0 nodad');
ip(`-6 route add ${VIP6} via fd00:1::2`);
connect('c1', '10.2.1.1', end, 'r0', '10.2.1.2');
ip('address add fd00:2::1/64 dev c1 nodad');
withNetns(namespace, () => ip(`address add fd00:1::2/64 dev ${BALANCER_DEVICE} nodad`));
withNetns(end, () => {
  forwardIpv6();
  ip('address add fd00:2::2/64 dev r0 nodad');
  ip('-6 route add default via fd00:2::1');
  connect('e0', '10.3.1.1', behind, 'f0', '10.3.1.2');
  ip('address add fd00:3::1/64 dev e0 nodad');
  ip(`route add ${VIP} via 10.3.1.2`);
  ip(`-6 route add ${VIP6} via fd00:3::2`);
});
withNetns(behind, () => {
  ip('address add fd00:3::2/64 dev f0 nodad');
  ip('-6 route add default via fd00:3::1');
  ip(`address add ${VIP}/32 dev lo`);
  ip(`address add ${VIP6}/128 dev lo nodad`);
});

// A client's FIN may find no balancer any more.
const server = createServer((socket) => socket.end('answered', () => socket.destroy()));
withNetns(behind, () => server.listen(80));
after(() => server.close());

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

for (const [kind, options] of [
  ['ipip', {}],
  ['gue', { gue: { source4: '10.1.0.2', source6: 'fd00:1::2' } }],
] as const) {
  it(`an end of tunnels sends inner packets on: ${kind}`, async () => {
    using decapsulator = withNetns(end, () =>
      Decapsulator.open({
        interfaces: ['r0'],
        addresses: ['10.2.1.2', 'fd00:2::2'],
        mode: 'generic',
        egress: true,
      }),
    );
    using balancer = withNetns(namespace, () =>
      Balancer.open({
        interface: BALANCER_DEVICE,
        router: '10.1.0.1',
        flows: 1000,
        maxGlobalFlows: 16,
        ...options,
      }),
    );
    for (const [vip, address] of [
      [VIP, '10.2.1.2'],
      [VIP6, 'fd00:2::2'],
    ] as const) {
      balancer.setService({ address: vip, port: 80, protocol: 'tcp' }, { reals: [{ address }] });
      const before = decapsulator.counters().sent;
      // The first packets may be left to the host, which then asks for the neighbour.
      for (
        const deadline = Date.now() + 60_000;
        decapsulator.counters().sent < before + 10;
        await sleep(10)
      ) {
        assert.ok(Date.now() < deadline, JSON.stringify(decapsulator.counters()));
        assert.equal(await request(vip), 'answered');
      }
    }
    const counters = decapsulator.counters();
    assert.ok(counters[`${kind}4`].packets >= 10 && counters[`${kind}6`].packets >= 10);
  });
}

it('a decapsulator of one name is not replaced from another network namespace', () => {
  const [one, other] = [newNamespace(), newNamespace()];
  for (const each of [one, other]) withNetns(each, () => ip('link add d0 type veth peer name d1'));
  const options = { interfaces: ['d0'], mode: 'generic', addresses: ['10.8.0.1'], pin: 'real' } as const;
  const open = () => Decapsulator.open(options)[Symbol.dispose]();
  withNetns(one, open);
  withNetns(other, () => {
    assert.throws(
      open,
      /^EbpfError: real is attached to devices of another network namespace: .* another name/,
    );
    assert.match(Decapsulator.status('real').interfaces.join(), /^device \d+ of another network namespace$/);
  });
  assert.match(
    withNetns(one, () => ip('-d link show d0')),
    /xdp/,
  );
  assert.doesNotMatch(
    withNetns(other, () => ip('-d link show d0')),
    /xdp/,
  );
  withNetns(one, open);
  assert.deepEqual(
    withNetns(one, () => Decapsulator.status('real').interfaces),
    ['d0'],
  );
  withNetns(other, () => {
    assert.equal(Decapsulator.detach('real'), true);
    open();
    assert.deepEqual(Decapsulator.status('real').interfaces, ['d0']);
    assert.equal(Decapsulator.detach('real'), true);
  });
});

it('a balancer of one name is not resumed in another network namespace, unless its device is gone', () => {
  const [one, other] = [newNamespace(), newNamespace()];
  for (const each of [one, other]) withNetns(each, () => ip('link add d0 type veth peer name d1'));
  const open = () =>
    Balancer.open({
      interface: 'd0',
      mode: 'generic',
      routerMac: '02:00:00:00:00:01',
      flows: 1000,
      maxGlobalFlows: 16,
      pin: 'twice',
    });
  withNetns(one, open)[Symbol.dispose]();
  assert.throws(
    () => withNetns(other, open),
    /^EbpfError: twice is attached to devices of another network namespace/,
  );
  assert.match(
    withNetns(one, () => ip('-d link show d0')),
    /xdp/,
  );
  withNetns(one, () => ip('link del d0'));
  const balancer = withNetns(other, open);
  assert.equal(balancer.resumed, true);
  balancer.detach();
});
