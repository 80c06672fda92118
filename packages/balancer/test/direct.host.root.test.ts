/**
 * Direct routing between a client, a balancer and two reals on one bridge, with both families: clients reach the reals,
 * and a real that fails its checks is left.
 */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Namespace, unshare, withNetns } from '@weir/ebpf/sys';
import { Balancer, CheckedServices, ProbeMarks, ProbeTunnel } from '../src/index.js';
import { Load } from './support/load.js';
import { ip, newNamespace, withoutChecksumOffload } from './support/network.js';
import { Nginx } from './support/nginx.js';

const VIP4 = '198.51.100.1';
const VIP6 = '2001:db8::1';

unshare(Namespace.net);
ip('link set lo up');
const bridge = newNamespace();
withNetns(bridge, () => {
  ip('link add name switch type bridge');
  ip('link set switch up');
});

/** Makes a namespace at the bridge, with the addresses 10.5.0.N and fd00:5::N. */
function join(number: number): void {
  ip(`link add e0 type veth peer name port${number}`);
  ip(`link set port${number} netns /proc/${process.pid}/fd/${bridge}`);
  ip(`address add 10.5.0.${number}/24 dev e0`);
  ip(`address add fd00:5::${number}/64 dev e0 nodad`);
  ip('link set e0 up');
  withoutChecksumOffload('e0');
  withNetns(bridge, () => {
    ip(`link set port${number} master switch`);
    ip(`link set port${number} up`);
  });
}

const client = newNamespace();
join(2);
withNetns(client, () => {
  join(1);
  ip(`route add ${VIP4} via 10.5.0.2`);
  ip(`route add ${VIP6} via fd00:5::2`);
});
const reals = [11, 12].map((number) => {
  const namespace = newNamespace();
  withNetns(namespace, () => {
    join(number);
    ip(`address add ${VIP4}/32 dev lo`);
    ip(`address add ${VIP6}/128 dev lo nodad`);
  });
  return { namespace, address4: `10.5.0.${number}`, address6: `fd00:5::${number}` };
});

const servers: Nginx[] = [];

before(() => {
  servers.push(...reals.map(({ namespace }, index) => new Nginx(namespace, index + 1)));
});
after(() => servers[1]!.kill());

/** Waits for a condition that other processes bring about. */
async function until(isSo: () => boolean, what: () => string): Promise<void> {
  for (const deadline = Date.now() + 60_000; !isSo(); await sleep(50))
    assert.ok(Date.now() < deadline, what());
}

it('clients reach reals on the same network without a tunnel, and checks decide', async () => {
  using balancer = Balancer.open({ interface: 'e0', router: '10.5.0.1', mode: 'generic', flows: 1000 });
  // Checks go to the VIP's address, whose route leads elsewhere.
  ip(`route add ${VIP4} via 10.5.0.1`);
  ip(`-6 route add ${VIP6} via fd00:5::1`);
  using tunnel = ProbeTunnel.open({
    interfaces: ['e0'],
    placeOf: (address) => balancer.directPlace(address),
  });
  using services = new CheckedServices(balancer, {
    marks: new ProbeMarks(tunnel),
    onError: (error) => {
      throw error;
    },
  });
  const check = { type: 'http', tunnel: true, interval: 400, timeout: 400, rise: 1, fall: 2 } as const;
  services.set(
    [
      { address: VIP4, reals: reals.map(({ address4 }) => ({ address: address4 })) },
      { address: VIP6, reals: reals.map(({ address6 }) => ({ address: address6 })) },
    ].map(({ address, reals: behind }) => ({
      service: { address, port: 80, protocol: 'tcp' },
      spec: { forwarding: 'direct', reals: behind },
      check,
    })),
  );
  const conditions = () =>
    services
      .health()
      .flatMap((service) => service.reals.map(({ health }) => health?.condition))
      .join(' ');
  await until(() => conditions() === 'up up up up', conditions);
  await until(
    () => balancer.directReals().every(({ state }) => state === 'known'),
    () => JSON.stringify(balancer.directReals()),
  );
  for (const address of [VIP4, VIP6]) {
    using load = new Load({ namespace: client, addresses: [address], port: 80, kept: 2, fresh: 2 });
    const answers: Record<string, number> = {};
    const answered = () => {
      const count = load.take();
      assert.deepEqual(count.failures, []);
      for (const [name, number] of Object.entries(count.answers))
        answers[name] = (answers[name] ?? 0) + number;
      return answers;
    };
    await until(
      () => Object.keys(answered()).length === 2,
      () => `${JSON.stringify(answers)} from ${address}`,
    );
  }
  const { noNeighbour, encapsulationFailed, transmitted } = balancer.counters();
  assert.deepEqual([noNeighbour, encapsulationFailed], [0, 0]);
  assert.ok(transmitted > 20);
  await servers[0]!.kill();
  await until(() => conditions() === 'down up down up', conditions);
  // The server still listens, but the real no longer takes packets to this VIP.
  withNetns(reals[1]!.namespace, () => ip(`address del ${VIP4}/32 dev lo`));
  await until(() => conditions() === 'down down down up', conditions);
});
