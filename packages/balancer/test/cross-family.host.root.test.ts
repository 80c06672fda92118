/** Clients of each family reach reals whose tunnel end is of the other one, by each tunnel, with checks through it. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Balancer, type BalancerOptions, CheckedServices, ProbeMarks, ProbeTunnel } from '../src/index.js';
import { Load } from './support/load.js';
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

const { client, reals } = makeTopology(1);
const [real] = reals;
let server: Nginx;

before(() => {
  server = new Nginx(real!.namespace, 1);
});
after(() => server.kill());

const tunnels: Readonly<Record<string, Pick<BalancerOptions, 'gue'>>> = {
  'IP in IP': {},
  GUE: { gue: { source4: BALANCER4, source6: BALANCER6 } },
};

/** Waits for a condition that other processes bring about. */
async function until(isSo: () => boolean, what: () => string): Promise<void> {
  for (const deadline = Date.now() + 60_000; !isSo(); await sleep(50))
    assert.ok(Date.now() < deadline, what());
}

describe('a real whose tunnel end is of the other family', () => {
  for (const [name, options] of Object.entries(tunnels)) {
    it(`answers clients and checks by ${name}`, async () => {
      using balancer = Balancer.open({
        interface: BALANCER_DEVICE,
        routerMac: ROUTER_MAC,
        flows: 1000,
        maxGlobalFlows: 64,
        ...options,
      });
      using tunnel = ProbeTunnel.open({
        interfaces: [BALANCER_DEVICE],
        source4: BALANCER4,
        source6: BALANCER6,
        ...(options.gue !== undefined && { gue: {} }),
      });
      using services = new CheckedServices(balancer, {
        marks: new ProbeMarks(tunnel),
        onError: (error) => {
          throw error;
        },
      });
      const timing = { interval: 400, timeout: 400, rise: 1, fall: 2 } as const;
      const check = { type: 'http', tunnel: true, ...timing } as const;
      services.set([
        {
          service: { address: VIP4, port: 80, protocol: 'tcp' },
          spec: { reals: [{ address: real!.address6 }] },
          check,
        },
        {
          service: { address: VIP6, port: 80, protocol: 'tcp' },
          spec: { reals: [{ address: real!.address4 }] },
          check,
        },
      ]);
      const conditions = () =>
        services.health().flatMap((service) => service.reals.map(({ health }) => health?.condition));
      await until(
        () => conditions().join(' ') === 'up up',
        () => conditions().join(' '),
      );
      for (const address of [VIP4, VIP6]) {
        using load = new Load({ namespace: client, addresses: [address], port: 80, kept: 1, fresh: 1 });
        let answers = 0;
        await until(
          () => {
            const count = load.take();
            assert.deepEqual(count.failures, []);
            answers += Object.values(count.answers).reduce((sum, each) => sum + each, 0);
            return answers > 10;
          },
          () => `${answers} answers from ${address}`,
        );
      }
    });
  }
});
