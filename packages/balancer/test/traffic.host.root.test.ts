/**
 * Real traffic: clients, a router, the balancer and reals that answer clients directly, through each tunnel, with IPv4 and
 * IPv6. Under load reals are added, drained and killed, and the balancer is stopped, upgraded and begins again. No connection to a real that lives breaks, and each request that
 * fails is one to a real that was killed.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { withNetns } from '@weir/ebpf';
import {
  Balancer,
  type BalancerOptions,
  CheckedServices,
  type HealthCheck,
  ProbeMarks,
  ProbeTunnel,
  type Service,
} from '../src/index.js';
import { Load, type LoadCount } from './support/load.js';
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

const { client, reals } = makeTopology(3);
const service4: Service = { address: VIP4, port: 80, protocol: 'tcp' };
const service6: Service = { address: VIP6, port: 80, protocol: 'tcp' };
const PIN = 'traffic';
const check: HealthCheck = {
  type: 'http',
  tunnel: true,
  interval: 100,
  timeout: 100,
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

/** A balancer that is pinned, and its checks. Disposing of it leaves the pins, and what they forward. */
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

  get adopted(): boolean {
    return this.#balancer.adopted;
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

  /** Waits until checks of both families say that just these reals are well. */
  async well(...numbers: number[]): Promise<void> {
    const deadline = Date.now() + 10_000;
    const wanted = numbers
      .flatMap((number) => [reals[number - 1]!.address4, reals[number - 1]!.address6])
      .sort();
    for (;;) {
      const all = this.services.health().flatMap((service) => service.reals);
      const up = all.filter(({ health }) => health?.condition === 'up').map(({ address }) => address);
      const unknown = all.some(({ health }) => health?.condition === 'unknown');
      if (!unknown && up.sort().join() === wanted.join()) return;
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

function nothingFailed({ failures }: LoadCount): void {
  assert.deepEqual(failures, []);
}

/** Reals that have answered, in order. */
function answering({ answers }: LoadCount): string {
  return Object.keys(answers).sort().join(' ');
}

function tally(texts: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].map(([text, count]) => `${count} ${text}`).join(', ');
}

for (const [name, options] of Object.entries(tunnels)) {
  describe(`through ${name}`, () => {
    it('nothing breaks that need not', async (context) => {
      let balanced = new Balanced(options);
      using _ = {
        [Symbol.dispose]() {
          balanced[Symbol.dispose]();
          Balancer.detach(PIN);
        },
      };
      balanced.set({ 1: 1, 2: 1 });
      await balanced.well(1, 2);
      for (const address of [VIP4, VIP6]) assert.match(curl(address), /^real [12]\n$/);
      using load = new Load({ namespace: client, addresses: [VIP4, VIP6], port: 80, kept: 12, fresh: 4 });
      /** What happens once all is as it has just become. */
      const next = async (reports = 3): Promise<LoadCount> => {
        await load.reports(reports);
        const count = load.take();
        requests += Object.values(count.answers).reduce((sum, answers) => sum + answers, 0);
        return count;
      };
      let requests = 0;
      const quiet = await next();
      nothingFailed(quiet);
      assert.equal(answering(quiet), '1 2');

      balanced.set({ 1: 1, 2: 1, 3: 1 });
      await balanced.well(1, 2, 3);
      const added = await next();
      nothingFailed(added);
      assert.equal(answering(added), '1 2 3');

      balanced.set({ 1: 1, 2: 0, 3: 1 });
      const drained = await next();
      nothingFailed(drained);
      assert.equal(answering(drained), '1 2 3', 'connections to a drained real go on');

      await servers[0]!.kill();
      await balanced.well(2, 3);
      const killing = await next(1);
      assert.ok(killing.failures.length > 0);
      for (const { kind, real, error } of killing.failures) {
        const isExplained = kind === 'kept' ? real === '1' || real === undefined : real === undefined;
        assert.ok(
          isExplained && /^(ECONNREFUSED|ECONNRESET|closed)$/.test(error),
          `${kind} ${real} ${error}`,
        );
      }
      const errors = killing.failures.map(({ kind, error }) => `${kind} connection: ${error}`);
      const killed = await next();
      nothingFailed(killed);
      assert.equal(answering(killed), '2 3');

      balanced[Symbol.dispose]();
      nothingFailed(await next(5));
      // Another program, with what the one before knows: also that a real is down.
      balanced = new Balanced({ ...options, newFlowLimit: 100_000, maxFrame: 1400 });
      assert.ok(balanced.adopted);
      balanced.set({ 1: 1, 2: 0, 3: 1 });
      await balanced.well(2, 3);
      const upgraded = await next();
      nothingFailed(upgraded);
      assert.equal(answering(upgraded), '2 3');

      servers[0] = new Nginx(reals[0]!.namespace, 1);
      await balanced.well(1, 2, 3);
      const back = await next();
      nothingFailed(back);
      assert.equal(answering(back), '1 2 3');
      context.diagnostic(`${requests} requests were answered; failed at the killed real: ${tally(errors)}`);
    });
  });
}
