/**
 * Real traffic: clients, a router, the balancer and reals that answer clients directly, through each tunnel, with IPv4
 * and IPv6. Under load, reals are added, drained and killed, and the balancer is stopped, restarted and upgraded. No
 * connection to a living real breaks, and every failed request is one to a killed real.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { withNetns } from '@weir/ebpf/sys';
import {
  Balancer,
  type BalancerOptions,
  CheckedServices,
  type HealthCheck,
  ProbeMarks,
  ProbeTunnel,
  type Service,
} from '../src/index.js';
import { Load, type LoadCount, type LoadFailure } from './support/load.js';
import { ip } from './support/network.js';
import { Nginx } from './support/nginx.js';
import {
  BALANCER_DEVICE,
  BALANCER4,
  BALANCER6,
  makeTopology,
  ROUTER_MAC,
  VIP4,
  VIP6,
} from './support/topology.js';

const { client, router, reals } = makeTopology(3);
const service4: Service = { address: VIP4, port: 80, protocol: 'tcp' };
const service6: Service = { address: VIP6, port: 80, protocol: 'tcp' };
const PIN = 'traffic';
/** Number of loops of new connections to each VIP. */
const FRESH = 4;
const check: HealthCheck = {
  type: 'http',
  tunnel: true,
  interval: 400,
  timeout: 400,
  rise: 2,
  fall: 2,
};
const tunnels: Readonly<Record<string, Pick<BalancerOptions, 'gue'>>> = {
  IPIP: {},
  GUE: { gue: { source4: BALANCER4, source6: BALANCER6 } },
};
let servers: Nginx[] = [];

before(() => {
  servers = reals.map(({ namespace }, i) => new Nginx(namespace, i + 1));
});
after(async () => {
  await Promise.all(servers.map((server) => server.kill()));
});

/** Reals by their numbers, with weights. */
type Weights = Readonly<Record<number, number>>;

/** A pinned balancer with its checks. Disposing of it leaves the pins, which go on forwarding. */
class Balanced implements Disposable {
  readonly #balancer: Balancer;
  readonly #tunnel: ProbeTunnel;
  readonly services: CheckedServices;

  constructor(options: Partial<BalancerOptions>) {
    this.#balancer = Balancer.open({
      interface: BALANCER_DEVICE,
      routerMac: ROUTER_MAC,
      pin: PIN,
      flows: 20_000,
      maxGlobalFlows: 64,
      ...options,
    });
    this.#tunnel = ProbeTunnel.open({
      interfaces: [BALANCER_DEVICE],
      source4: BALANCER4,
      source6: BALANCER6,
      ...(options.gue !== undefined && { gue: {} }),
    });
    this.services = new CheckedServices(this.#balancer, {
      marks: new ProbeMarks(this.#tunnel),
      onError: (error) => {
        throw error;
      },
    });
  }

  get resumed(): boolean {
    return this.#balancer.resumed;
  }

  set(weights: Weights): void {
    const entries = Object.entries(weights).map(
      ([number, weight]) => [reals[Number(number) - 1]!, weight] as const,
    );
    this.services.set([
      {
        service: service4,
        spec: { reals: entries.map(([{ address4: address }, weight]) => ({ address, weight })) },
        check,
      },
      {
        service: service6,
        spec: { reals: entries.map(([{ address6: address }, weight]) => ({ address, weight })) },
        check,
      },
    ]);
  }

  /** Waits until, by checks of both families, exactly these reals are up. */
  async well(...numbers: number[]): Promise<void> {
    const deadline = Date.now() + 60_000;
    const wanted = numbers
      .flatMap((number) => [reals[number - 1]!.address4, reals[number - 1]!.address6])
      .sort();
    for (;;) {
      const all = this.services.health().flatMap((service) => service.reals);
      const up = all.filter(({ health }) => health?.condition === 'up').map(({ address }) => address);
      const unknown = all.some(({ health }) => health?.condition === 'unknown');
      // The state of a service follows its reals' conditions, one service after the other.
      const counted = this.services.health().reduce((sum, service) => sum + service.up, 0);
      const weighted = all.filter(({ weight, health }) => weight > 0 && health?.condition === 'up').length;
      if (!unknown && counted === weighted && up.sort().join() === wanted.join()) return;
      const said = all.map(({ address, health }) => `${address} ${health?.condition}: ${health?.reason}`);
      assert.ok(Date.now() < deadline, `expected ${wanted.join()} up\n${said.join('\n')}`);
      await sleep(20);
    }
  }

  [Symbol.dispose](): void {
    this.services[Symbol.dispose]();
    this.#tunnel[Symbol.dispose]();
    this.#balancer[Symbol.dispose]();
  }
}

function curl(address: string): string {
  const url = `http://${address.includes(':') ? `[${address}]` : address}/`;
  return withNetns(client, () => execFileSync('curl', ['-sS', '--max-time', '5', url], { encoding: 'utf8' }));
}

function tally(texts: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].map(([text, count]) => `${count} ${text}`).join(', ');
}

/** A balancer that another one may replace, and load through it. */
class Trial implements Disposable {
  balanced: Balanced;
  readonly #load: Load;
  /** Number of answered requests. */
  requests = 0;

  private constructor(balanced: Balanced) {
    this.balanced = balanced;
    this.#load = new Load({ namespace: client, addresses: [VIP4, VIP6], port: 80, kept: 12, fresh: FRESH });
  }

  static async start(options: Partial<BalancerOptions>, weights: Weights): Promise<Trial> {
    const balanced = new Balanced(options);
    balanced.set(weights);
    await balanced.well(...Object.keys(weights).map(Number));
    for (const address of [VIP4, VIP6]) assert.match(curl(address), /^real [123]\n$/);
    return new Trial(balanced);
  }

  /** The load's results from the present state on. */
  async next(reports = 3): Promise<LoadCount> {
    await this.#load.reports(reports);
    const count = this.#load.take();
    this.requests += Object.values(count.answers).reduce((sum, answers) => sum + answers, 0);
    return count;
  }

  /** Asserts that no request fails, and that these reals answer. */
  async answeredBy(...numbers: number[]): Promise<void> {
    const { answers, failures } = await this.next();
    assert.deepEqual(failures, []);
    assert.equal(Object.keys(answers).sort().join(' '), numbers.join(' '));
  }

  [Symbol.dispose](): void {
    this.#load[Symbol.dispose]();
    this.balanced[Symbol.dispose]();
    Balancer.detach(PIN);
  }
}

/** Whether a failure may be a real's: it answered the kept connection before, or no real has answered. */
function blames(number: number, { kind, real }: LoadFailure): boolean {
  return real === undefined || (kind === 'kept' && real === String(number));
}

for (const [name, options] of Object.entries(tunnels)) {
  describe(`through ${name}`, () => {
    it(`only connections to a killed real fail while reals and processes come and go: ${name}`, async (context) => {
      using trial = await Trial.start(options, { 1: 1, 2: 1 });
      await trial.answeredBy(1, 2);

      trial.balanced.set({ 1: 1, 2: 1, 3: 1 });
      await trial.balanced.well(1, 2, 3);
      await trial.answeredBy(1, 2, 3);

      // Connections to a drained real continue.
      trial.balanced.set({ 1: 1, 2: 0, 3: 1 });
      await trial.answeredBy(1, 2, 3);

      await servers[0]!.kill();
      await trial.balanced.well(2, 3);
      const { failures } = await trial.next(1);
      assert.ok(failures.length > 0);
      for (const failure of failures) {
        const text = JSON.stringify(failure);
        assert.ok(blames(1, failure) && /^(ECONNREFUSED|ECONNRESET|closed)$/.test(failure.error), text);
      }
      await trial.answeredBy(2, 3);

      trial.balanced[Symbol.dispose]();
      assert.deepEqual((await trial.next(5)).failures, []);
      // Another program resumes with the state of the one before, also that a real is down.
      trial.balanced = new Balanced({ ...options, newFlowLimit: 100_000, maxFrame: 1400 });
      assert.ok(trial.balanced.resumed);
      trial.balanced.set({ 1: 1, 2: 0, 3: 1 });
      await trial.balanced.well(2, 3);
      await trial.answeredBy(2, 3);

      servers[0] = new Nginx(reals[0]!.namespace, 1);
      await trial.balanced.well(1, 2, 3);
      await trial.answeredBy(1, 2, 3);
      const errors = tally(failures.map(({ kind, error }) => `${kind} connection: ${error}`));
      context.diagnostic(`${trial.requests} requests were answered; failed at the killed real: ${errors}`);
    });
  });
}

describe('reals that vanish', () => {
  it('a real vanishes silently: new connections go elsewhere with a repeated SYN, kept ones time out', async (context) => {
    using trial = await Trial.start({}, { 1: 1, 2: 1, 3: 1 });
    await trial.answeredBy(1, 2, 3);
    const lose = (verb: 'add' | 'del') =>
      withNetns(router, () => {
        ip(`route ${verb} blackhole ${reals[2]!.address4}`);
        ip(`-6 route ${verb} blackhole ${reals[2]!.address6}`);
      });
    lose('add');
    await trial.balanced.well(1, 2);
    // Until requests of the load generator have timed out, too.
    const { failures } = await trial.next(25);
    for (const failure of failures) {
      assert.ok(blames(3, failure) && failure.error === 'no answer', JSON.stringify(failure));
    }
    // Each loop of new connections waits for one at most; by then the ring has changed.
    const fresh = failures.filter(({ kind }) => kind === 'new');
    assert.ok(fresh.length <= FRESH * 2, `${fresh.length}`);
    await trial.answeredBy(1, 2);
    lose('del');
    await trial.balanced.well(1, 2, 3);
    await trial.answeredBy(1, 2, 3);
    context.diagnostic(
      `not answered by the real that vanished: ${failures.length}, ${fresh.length} of them new`,
    );
  });

  it('all reals vanish: the ring of before stays, and they return', async () => {
    using trial = await Trial.start({}, { 1: 1, 2: 1, 3: 1 });
    await trial.answeredBy(1, 2, 3);
    await Promise.all(servers.map((server) => server.kill()));
    await trial.balanced.well();
    const states = trial.balanced.services.health();
    assert.deepEqual(
      states.map(({ state, up }) => [state, up]),
      [
        ['down', 0],
        ['down', 0],
      ],
    );
    assert.ok(states.every(({ reals }) => reals.every(({ ringWeight }) => ringWeight > 0)));
    await trial.next(1);
    assert.deepEqual((await trial.next()).answers, {});
    servers = reals.map(({ namespace }, i) => new Nginx(namespace, i + 1));
    await trial.balanced.well(1, 2, 3);
    await trial.next();
    await trial.answeredBy(1, 2, 3);
  });
});
