/** A controller on a balancer that only notes the calls. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OptionError } from '@weir/ebpf';
import { parseConfig } from '../src/config/index.js';
import { type Controlled, Controller } from '../src/control/controller.js';
import { RequestError } from '../src/control/names.js';

class FakeBalancer implements Controlled {
  /** A line for each call. */
  calls: string[] = [];
  /** Calls whose line begins with this text are refused. */
  refuses: string | undefined;

  #note(line: string): void {
    if (this.refuses !== undefined && line.startsWith(this.refuses))
      throw new OptionError(`refused: ${line}`);
    this.calls.push(line);
  }

  readonly services: Controlled['services'] = {
    set: (services) =>
      this.#note(
        `set ${services.map(({ service, spec }) => `${service.address} ${spec.reals.map(({ weight }) => weight).join()}`).join('; ')}`,
      ),
    remove: (services) => {
      this.#note(`remove ${services.map(({ address }) => address).join('; ')}`);
      return services.length;
    },
  };
  readonly tables: Controlled['tables'] = {
    setServerId: (id, real) => this.#note(`server id ${id} ${real}`),
    setSourceRoute: (prefix, real) => this.#note(`source route ${prefix} ${real}`),
    setGlobalFlow: ({ source }, real) => this.#note(`global flow ${source} ${real}`),
    setTunnelEnd: (address, ends) => this.#note(`tunnel end ${address} ${ends}`),
  };

  setRouter(router: string): void {
    this.#note(`router ${router}`);
  }

  /** Calls since the last time. */
  news(): string[] {
    return this.calls.splice(0);
  }
}

function file(vips: readonly string[], more = '') {
  const lines = vips.map((vip, index) => {
    const [address, ...weights] = vip.split(' ');
    const reals = weights.map((weight, i) => `{name: r${i}, address: 10.0.0.${i + 1}, weight: ${weight}}`);
    return `- {name: v${index}, address: ${address}, port: 80, protocol: tcp, reals: [${reals.join(', ')}]}`;
  });
  const router = /^router/m.test(more) ? '' : 'router: 02:00:00:00:00:01';
  return parseConfig(`interface: eth0\n${router}\nvips:\n${lines.join('\n')}\n${more}`);
}

const start = file(['198.51.100.1 1 2', '198.51.100.2 1'], 'serverIds: [{id: 1, real: 10.0.0.1}]');

function opened(...rest: [before?: ReturnType<typeof file>, drains?: Controller['drains']]) {
  const balancer = new FakeBalancer();
  const controller = new Controller(balancer, start, ...rest);
  return { balancer, controller };
}

test('the start sets all VIPs at once, then the other tables', () => {
  const { balancer } = opened();
  assert.deepEqual(balancer.news(), ['set 198.51.100.1 1,2; 198.51.100.2 1', 'server id 1 10.0.0.1']);
});

test('a start after an earlier process changes only the differences, and sets all VIPs', () => {
  const { balancer } = opened(file(['198.51.100.1 1'], 'serverIds: [{id: 2, real: 10.0.0.1}]'));
  assert.deepEqual(balancer.news(), [
    'set 198.51.100.1 1,2; 198.51.100.2 1',
    'server id 2 undefined',
    'server id 1 10.0.0.1',
  ]);
});

test('apply removes all VIPs at once that are gone', () => {
  const { balancer, controller } = opened();
  balancer.news();
  controller.apply(file(['198.51.100.9 1'], 'serverIds: [{id: 1, real: 10.0.0.1}]'));
  assert.deepEqual(balancer.news(), ['set 198.51.100.9 1', 'remove 198.51.100.1; 198.51.100.2']);
});

test('apply makes only the changes that differ', () => {
  const { balancer, controller } = opened();
  balancer.news();
  const to = file(['198.51.100.3 1', '198.51.100.1 1 3'], 'router: 02:00:00:00:00:09');
  controller.apply(to);
  assert.deepEqual(balancer.news(), [
    'router 02:00:00:00:00:09',
    'set 198.51.100.3 1; 198.51.100.1 1,3',
    'server id 1 undefined',
    'remove 198.51.100.2',
  ]);
  assert.equal(controller.config, to);
  controller.apply(to);
  assert.deepEqual(balancer.news(), []);
});

for (const refuses of ['router', 'set', 'server id 2', 'server id 1 undefined', 'remove']) {
  test(`apply is undone if "${refuses}" is refused`, () => {
    const { balancer, controller } = opened();
    balancer.news();
    balancer.refuses = refuses;
    const to = file(['198.51.100.1 5 5'], 'router: 02:00:00:00:00:09\nserverIds: [{id: 2, real: 10.0.0.2}]');
    assert.throws(() => controller.apply(to), /refused/);
    assert.equal(controller.config, start);
    const done = balancer.news();
    // The last call about each thing restores what was there before.
    const last = new Map(done.map((line) => [/^(router|set|server id \d|remove)/.exec(line)![0], line]));
    const before = new Map([
      ['router', 'router 02:00:00:00:00:01'],
      ['set', 'set 198.51.100.1 1,2'],
      ['server id 1', 'server id 1 10.0.0.1'],
      ['server id 2', 'server id 2 undefined'],
    ]);
    for (const [what, line] of last) assert.equal(line, before.get(what));
    balancer.refuses = undefined;
    controller.apply(to);
    assert.equal(controller.config, to);
  });
}

test('a change that a running balancer cannot make is refused before any other is made', () => {
  const { balancer, controller } = opened();
  balancer.news();
  const to = file(['198.51.100.1 5'], 'options: {flows: 5}\nmode: generic');
  assert.throws(
    () => controller.apply(to),
    new RequestError(
      'mode, options.flows cannot change while the balancer runs, and devices change their mode only without a ' +
        'program: "weir balance stop", then run it again',
    ),
  );
  assert.deepEqual(balancer.news(), []);
});

test('a drained real keeps weight 0 across files, until one lacks it', () => {
  const { balancer, controller } = opened();
  balancer.news();
  controller.drain('v0', '10.0.0.2', true);
  controller.drain('198.51.100.1:80/tcp', 'r1', true);
  assert.deepEqual(balancer.news(), ['set 198.51.100.1 1,0']);
  assert.deepEqual(controller.drains, [
    { service: { address: '198.51.100.1', port: 80, protocol: 'tcp' }, real: '10.0.0.2' },
  ]);
  controller.apply(file(['198.51.100.1 4 5', '198.51.100.2 1']));
  assert.deepEqual(balancer.news()[0], 'set 198.51.100.1 4,0');
  controller.drain('v0', 'r1', false);
  assert.deepEqual(balancer.news(), ['set 198.51.100.1 4,5']);
  controller.drain('v0', 'r1', true);
  controller.apply(file(['198.51.100.1 4', '198.51.100.2 1']));
  assert.deepEqual(controller.drains, []);
});

test('drained reals of an earlier process stay drained if they are configured', () => {
  const service = { address: '198.51.100.1', port: 80, protocol: 'tcp' } as const;
  const drains = ['10.0.0.1', '10.0.0.9'].map((real) => ({ service, real }));
  const { balancer, controller } = opened(undefined, drains);
  assert.equal(balancer.news()[0], 'set 198.51.100.1 0,2; 198.51.100.2 1');
  assert.deepEqual(controller.drains, drains.slice(0, 1));
});

test('a refused drain leaves the real undrained', () => {
  const { balancer, controller } = opened();
  balancer.refuses = 'set';
  assert.throws(() => controller.drain('v0', 'r0', true), /refused/);
  assert.deepEqual(controller.drains, []);
});

test('unknown names of VIPs and reals are refused', () => {
  const { controller } = opened();
  assert.throws(
    () => controller.drain('v7', 'r0', true),
    new RequestError('there is no VIP v7: there are v0, v1'),
  );
  assert.throws(
    () => controller.drain('198.51.100.2', 'r7', true),
    new RequestError('v1 has no real r7: there is r0'),
  );
});
