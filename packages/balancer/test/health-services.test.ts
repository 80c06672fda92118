/** The effect of health on a service's ring, with fake checks and a fake balancer. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OptionError } from '@weir/ebpf';
import type { HealthCheck } from '../src/health/check.js';
import { CheckedServices, type ServiceHealth } from '../src/health/checked-services.js';
import type { HealthChange } from '../src/health/checker.js';
import { ProbeMarks } from '../src/health/marks.js';
import type { ProbeTarget } from '../src/health/probe-target.js';
import type { Service, ServiceSpec } from '../src/service.js';
import { FakeClock } from './support/fake-clock.js';
import { randomNumbers } from './support/random.js';

const web: Service = { address: '192.0.2.1', port: 80, protocol: 'tcp' };
const secure: Service = { ...web, port: 443 };
const check: HealthCheck = { type: 'tcp', interval: 1000, timeout: 500, rise: 2, fall: 2 };
const reals = (...addresses: string[]): ServiceSpec => ({ reals: addresses.map((address) => ({ address })) });

function setUp(left: ServiceSpec[] = []) {
  const clock = new FakeClock();
  const dead = new Set<string>();
  const probed: ProbeTarget[] = [];
  const specs = new Map<number, ServiceSpec>();
  const changes: HealthChange[] = [];
  const states: ServiceHealth[] = [];
  const marked = new Map<number, string>();
  let rings = 0;
  const balancer = {
    setServices(all: readonly (readonly [Service, ServiceSpec])[]) {
      for (const [{ port }, spec] of all) specs.set(port, spec);
      rings++;
    },
    services: () => left.map((spec) => ({ service: web, spec, packets: 0, bytes: 0 })),
    removeServices: (services: readonly Service[]) =>
      services.filter(({ port }) => specs.delete(port)).length,
  };
  const tunnel = {
    set(mark: number, address: string | undefined) {
      if (address === undefined) marked.delete(mark);
      else marked.set(mark, address);
    },
    setDirect(mark: number, address: string) {
      if (address === '10.0.0.9') throw new Error('MAC address not known');
      marked.set(mark, `direct ${address}`);
    },
  };
  const services = new CheckedServices(balancer, {
    clock,
    random: randomNumbers(1),
    marks: new ProbeMarks(tunnel, 100),
    probe: async (target) => {
      probed.push(target);
      const isDead = dead.has(target.address) || dead.has(`${target.address}:${target.check.port}`);
      return isDead ? { ok: false, reason: 'refused' } : { ok: true, reason: 'connected' };
    },
    onRealChange: (change) => changes.push(change),
    onServiceChange: (health) => states.push(health),
    onError: (error) => assert.fail(String(error)),
  });
  /** Lets time pass, and lets rings follow. */
  const pass = async (ms: number) => {
    await clock.pass(ms);
    for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
  };
  const ring = (service = web) =>
    specs
      .get(service.port)!
      .reals.map(({ address, weight }) => `${address}*${weight}`)
      .join(' ');
  return { services, dead, pass, ring, specs, changes, states, marked, probed, rings: () => rings };
}

describe('a checked service', () => {
  it('a service has all reals in its ring before the first results, and is then up', async () => {
    const { services, pass, ring, states, rings } = setUp();
    using _ = services;
    services.set([{ service: web, spec: reals('10.0.0.1', '10.0.0.2'), check }]);
    assert.equal(ring(), '10.0.0.1*1 10.0.0.2*1');
    assert.equal(services.health()[0]!.state, 'unknown');
    await pass(1000);
    assert.deepEqual(
      states.map(({ state, up }) => `${state} ${up}`),
      ['up 2'],
    );
    assert.equal(services.health()[0]!.up, 2);
    assert.equal(rings(), 1, 'the ring was made once');
  });

  it('a real that fails leaves the ring and returns, and both are reported', async () => {
    const { services, dead, pass, ring, changes, specs } = setUp();
    using _ = services;
    const spec = { reals: [{ address: '10.0.0.1', weight: 3 }, { address: '10.0.0.2' }] };
    services.set([{ service: web, spec, check }]);
    await pass(2000);
    changes.length = 0;
    dead.add('10.0.0.1');
    await pass(3000);
    assert.equal(ring(), '10.0.0.1*0 10.0.0.2*1');
    assert.deepEqual(
      specs.get(80)!.reals.map(({ down }) => down),
      [true, false],
    );
    dead.clear();
    await pass(3000);
    assert.equal(ring(), '10.0.0.1*3 10.0.0.2*1');
    assert.deepEqual(
      changes.map(({ real, before, condition, reason }) => `${real} ${before} ${condition} ${reason}`),
      ['10.0.0.1 up down refused', '10.0.0.1 down up connected'],
    );
  });

  it('when all reals are down the ring of before the failure stays, which is reported', async () => {
    const { services, dead, pass, ring, states } = setUp();
    using _ = services;
    services.set([{ service: web, spec: reals('10.0.0.1', '10.0.0.2', '10.0.0.3'), check }]);
    await pass(2000);
    dead.add('10.0.0.1');
    await pass(4000);
    assert.equal(ring(), '10.0.0.1*0 10.0.0.2*1 10.0.0.3*1');
    await pass(70_000);
    dead.add('10.0.0.2');
    await pass(10_000);
    assert.equal(ring(), '10.0.0.1*0 10.0.0.2*0 10.0.0.3*1');
    dead.add('10.0.0.3');
    await pass(10_000);
    assert.equal(ring(), '10.0.0.1*0 10.0.0.2*1 10.0.0.3*1', 'not only the last one that failed');
    assert.equal(services.health()[0]!.state, 'down');
    dead.delete('10.0.0.1');
    await pass(4000);
    assert.equal(ring(), '10.0.0.1*1 10.0.0.2*0 10.0.0.3*0');
    assert.deepEqual(
      states.map(({ state }) => state),
      ['up', 'down', 'up'],
    );
  });

  it('reals on one address are checked, weighted and reported each by its port', async () => {
    const { services, dead, pass, changes, specs } = setUp();
    using _ = services;
    const spec: ServiceSpec = {
      reals: [
        { address: '10.0.0.1', port: 8081 },
        { address: '10.0.0.1', port: 8082, weight: 3 },
      ],
      forwarding: 'nat',
    };
    services.set([{ service: web, spec, check }]);
    await pass(2000);
    dead.add('10.0.0.1:8081');
    await pass(4000);
    assert.deepEqual(
      specs.get(80)!.reals.map(({ port, weight, down }) => [port, weight, down]),
      [
        [8081, 0, true],
        [8082, 3, false],
      ],
    );
    const [health] = services.health();
    assert.deepEqual(
      health!.reals.map(({ port, ringWeight, health: own }) => [port, ringWeight, own?.condition]),
      [
        [8081, 0, 'down'],
        [8082, 3, 'up'],
      ],
    );
    assert.equal(health!.up, 1);
    assert.deepEqual(
      changes.filter(({ condition }) => condition === 'down').map(({ real, port }) => [real, port]),
      [['10.0.0.1', 8081]],
    );
    services.set([{ service: web, spec: { ...spec, reals: spec.reals.slice(1) }, check }]);
    await pass(4000);
    assert.equal(services.health()[0]!.reals[0]!.health?.condition, 'up');
  });

  it('reals on one address that are checked on one port share its condition', async () => {
    const { services, dead, pass, changes } = setUp();
    using _ = services;
    const reals = [8081, 8082].map((port) => ({ address: '10.0.0.1', port }));
    services.set([{ service: web, spec: { reals, forwarding: 'nat' }, check: { ...check, port: 9000 } }]);
    await pass(2000);
    dead.add('10.0.0.1:9000');
    await pass(4000);
    assert.deepEqual(
      changes.filter(({ condition }) => condition === 'down').map(({ port }) => port),
      [8081, 8082],
    );
  });

  it('all reals stay in the ring if none ever answered', async () => {
    const { services, dead, pass, ring } = setUp();
    using _ = services;
    dead.add('10.0.0.1').add('10.0.0.2');
    services.set([{ service: web, spec: reals('10.0.0.1', '10.0.0.2'), check }]);
    await pass(5000);
    assert.match(ring(), /\*1/);
    assert.equal(services.health()[0]!.state, 'down');
  });

  it('conditions of an earlier process count from the start', async () => {
    const failed = { address: '10.0.0.1', weight: 0, down: true };
    const { services, dead, pass, ring } = setUp([{ reals: [failed, { address: '10.0.0.2' }] }]);
    using _ = services;
    dead.add('10.0.0.1');
    services.set([{ service: web, spec: reals('10.0.0.1', '10.0.0.2'), check }]);
    assert.equal(ring(), '10.0.0.1*0 10.0.0.2*1');
    dead.delete('10.0.0.1');
    await pass(4000);
    assert.equal(ring(), '10.0.0.1*1 10.0.0.2*1');
  });

  it('a removed service is reported as down', async () => {
    const { services, pass, states, specs } = setUp();
    using _ = services;
    services.set([{ service: web, spec: reals('10.0.0.1') }]);
    services.set([{ service: secure, spec: reals('10.0.0.1'), check }]);
    assert.equal(services.remove([secure]), 1);
    await pass(2000);
    assert.equal(services.remove([web]), 1);
    assert.equal(specs.size, 0);
    assert.deepEqual(
      states.map(({ service: { port }, state, up }) => `${port} ${state} ${up}`),
      ['80 up 1', '80 down 0'],
    );
    assert.equal(services.remove([web]), 0);
  });

  it('drained reals do not count as up', async () => {
    const { services, pass, ring } = setUp();
    using _ = services;
    const spec = { reals: [{ address: '10.0.0.1', weight: 0 }, { address: '10.0.0.2' }] };
    services.set([{ service: web, spec, check }]);
    await pass(2000);
    assert.equal(ring(), '10.0.0.1*0 10.0.0.2*1');
    assert.equal(services.health()[0]!.up, 1);
  });

  it('a flapping real is held out of the ring, unless there is no other', async () => {
    const { services, dead, pass, ring } = setUp();
    using _ = services;
    services.set([{ service: web, spec: reals('10.0.0.1', '10.0.0.2'), check }]);
    await pass(2000);
    for (let i = 0; i < 3; i++) {
      dead.add('10.0.0.1');
      await pass(4000);
      dead.delete('10.0.0.1');
      await pass(4000);
    }
    assert.equal(ring(), '10.0.0.1*0 10.0.0.2*1');
    assert.equal(services.health()[0]!.reals[0]!.health!.condition, 'held');
    dead.add('10.0.0.2');
    await pass(4000);
    assert.equal(ring(), '10.0.0.1*1 10.0.0.2*0');
    dead.delete('10.0.0.2');
    await pass(300_000);
    assert.equal(ring(), '10.0.0.1*1 10.0.0.2*1');
  });

  it('services with the same check of a real share it', async () => {
    const { services, pass, probed, dead, ring } = setUp();
    using _ = services;
    services.set([
      { service: web, spec: reals('10.0.0.1', '10.0.0.2'), check: { ...check, port: 8080 } },
      { service: secure, spec: reals('10.0.0.1', '10.0.0.2'), check: { ...check, port: 8080 } },
    ]);
    await pass(900);
    dead.add('10.0.0.1');
    await pass(4000);
    assert.ok(probed.length < 14, `${probed.length}`);
    assert.deepEqual([ring(web), ring(secure)], ['10.0.0.1*0 10.0.0.2*1', '10.0.0.1*0 10.0.0.2*1']);
  });

  it('conditions stay when reals or the check change', async () => {
    const { services, dead, pass, ring } = setUp();
    using _ = services;
    dead.add('10.0.0.1');
    services.set([{ service: web, spec: reals('10.0.0.1', '10.0.0.2'), check }]);
    await pass(2000);
    services.set([
      { service: web, spec: reals('10.0.0.1', '10.0.0.2', '10.0.0.3'), check: { ...check, interval: 2000 } },
    ]);
    assert.equal(ring(), '10.0.0.1*0 10.0.0.2*1 10.0.0.3*1');
    services.set([{ service: web, spec: reals('10.0.0.1', '10.0.0.2') }]);
    assert.equal(ring(), '10.0.0.1*1 10.0.0.2*1', 'without a check all are well');
  });

  it('reals have marks while they are checked through the tunnel', async () => {
    const { services, marked, probed, pass } = setUp();
    using _ = services;
    const through = { ...check, tunnel: true };
    services.set([{ service: web, spec: reals('10.0.0.1', '10.0.0.2'), check: through }]);
    services.set([{ service: secure, spec: reals('10.0.0.2'), check: through }]);
    await pass(1000);
    assert.deepEqual([...marked.values()], ['10.0.0.1', '10.0.0.2']);
    assert.ok(
      probed.every(
        ({ mark, address, check: { vip } }) => marked.get(mark!) === address && vip === web.address,
      ),
    );
    services.remove([web]);
    assert.deepEqual([...marked.values()], ['10.0.0.2']);
    services.remove([secure]);
    assert.equal(marked.size, 0);
  });

  it('marks of reals without a tunnel lead to where the reals are at each check', async () => {
    const { services, marked, probed, pass } = setUp();
    using _ = services;
    const through = { ...check, tunnel: true };
    const spec = reals('10.0.0.1', '10.0.0.9');
    services.set([{ service: web, spec: { ...spec, forwarding: 'direct' }, check: through }]);
    services.set([{ service: secure, spec: reals('10.0.0.1'), check: through }]);
    await pass(10_000);
    assert.deepEqual([...marked.values()].sort(), ['10.0.0.1', 'direct 10.0.0.1']);
    assert.ok(probed.some(({ isDirect, check: { vip } }) => isDirect === true && vip === web.address));
    const [first, lost] = services.healthOf(web)!.reals;
    assert.equal(first!.health?.condition, 'up');
    assert.deepEqual([lost!.health?.condition, lost!.health?.reason], ['down', 'MAC address not known']);
    services.remove([web]);
    assert.deepEqual([...marked.values()], ['10.0.0.1']);
  });

  it('services that make no sense are refused, and nothing changes', () => {
    const { services, specs } = setUp();
    using _ = services;
    const wrong: [Service, HealthCheck][] = [
      [web, { type: 'tcp', port: 65_536 }],
      [{ ...web, port: 0 }, { type: 'tcp' }],
      [web, { type: 'tcp', interval: 1 }],
      [web, { type: 'tcp', interval: 1000, timeout: 1001 }],
      [web, { type: 'http', path: 'index.html' }],
      [web, { type: 'http', path: '/a b' }],
      [web, { type: 'http', host: 'a\r\nb: c' }],
      [web, { type: 'http', status: [{ from: 300, to: 200 }] }],
      [web, { type: 'tcp', rise: 0 }],
      [
        { ...web, address: '192.0.2.0/24' },
        { type: 'tcp', tunnel: true },
      ],
    ];
    for (const [service, check] of wrong) {
      assert.throws(
        () => services.set([{ service, spec: reals('10.0.0.1'), check }]),
        OptionError,
        JSON.stringify(check),
      );
    }
    const nat: ServiceSpec = { ...reals('10.0.0.1'), forwarding: 'nat' };
    const through = { ...check, tunnel: true };
    assert.throws(() => services.set([{ service: web, spec: nat, check: through }]), OptionError);
    assert.equal(specs.size, 0);
  });

  it('reals are checked on their own ports, and local ones without the tunnel', async () => {
    const { services, probed, pass } = setUp();
    using _ = services;
    const spec: ServiceSpec = { reals: [{ address: '10.0.0.1', port: 8080 }], forwarding: 'nat' };
    services.set([{ service: web, spec, check }]);
    const local: ServiceSpec = { reals: [{ address: '10.0.0.2', local: true }] };
    services.set([{ service: secure, spec: local, check: { ...check, tunnel: true } }]);
    await pass(1000);
    const found = new Set(
      probed.map(({ address, mark, check: { port, vip } }) => `${address} ${port} ${mark} ${vip}`),
    );
    assert.deepEqual([...found].sort(), [
      '10.0.0.1 8080 undefined undefined',
      '10.0.0.2 443 undefined undefined',
    ]);
  });
});
