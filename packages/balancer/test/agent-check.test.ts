/** Weights of reals: what their agents say, and slow starts. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, it } from 'node:test';
import { afterAgentAnswer, agentText, shareOf, silentAgent } from '../src/health/agent-answer.js';
import { agentTarget, askAgent } from '../src/health/agent-check.js';
import type { HealthCheck } from '../src/health/check.js';
import { CheckedServices } from '../src/health/checked-services.js';
import { callFailure, healthRequest, healthStatus } from '../src/health/grpc-health.js';
import { startShare } from '../src/health/slow-start.js';
import type { Service, ServiceSpec } from '../src/service.js';
import { FakeClock } from './support/fake-clock.js';
import { randomNumbers } from './support/random.js';

const web: Service = { address: '192.0.2.1', port: 80, protocol: 'tcp' };
const spec: ServiceSpec = { reals: [{ address: '10.0.0.1' }, { address: '10.0.0.2', weight: 3 }] };

function setUp(options: { readonly check?: HealthCheck; readonly agent?: boolean }) {
  const clock = new FakeClock();
  const lines = new Map<string, string>();
  const dead = new Set<string>();
  let served: ServiceSpec = spec;
  let certificateExpires: Date | undefined;
  const expiries: string[] = [];
  const balancer = {
    setServices(all: readonly (readonly [Service, ServiceSpec])[]) {
      served = all[0]![1];
    },
    services: () => [],
    removeServices: (services: readonly unknown[]) => services.length,
  };
  const services = new CheckedServices(balancer, {
    clock,
    random: randomNumbers(1),
    probe: async ({ address }) => ({ ok: !dead.has(address), reason: 'x', certificateExpires }),
    askAgent: async ({ address }) => lines.get(address),
    onExpiry: ({ real, expires }) => expiries.push(`${real} ${expires.toISOString()}`),
    onError: (error) => assert.fail(String(error)),
  });
  const { check, agent } = options;
  services.set([
    {
      service: web,
      spec,
      ...(check && { check }),
      ...(agent === true && { agent: { port: 9, interval: 1000 } }),
    },
  ]);
  return {
    services,
    lines,
    dead,
    expiries,
    setExpiry: (date: Date) => {
      certificateExpires = date;
    },
    async pass(ms: number) {
      await clock.pass(ms);
      for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
    },
    ring: () => served.reals.map(({ weight, down }) => `${weight}${down === true ? ' down' : ''}`).join(', '),
    health: () => services.health()[0]!,
  };
}

describe('an agent', () => {
  it("is understood in HAProxy's words", () => {
    const after = (...lines: string[]) =>
      lines.reduce((state, line) => afterAgentAnswer(state, line) ?? state, silentAgent);
    const text = (...lines: string[]) => agentText(after(...lines));
    assert.equal(text('75%'), '75%');
    assert.equal(text('down#disk full', 'drain,50%'), 'down, drain, 50%');
    assert.equal(text('stopped', 'UP\r'), undefined);
    assert.equal(text('maint', 'up', '10%'), 'drain, 10%');
    assert.equal(text('drain', 'ready 100%'), undefined);
    assert.equal(text('999%'), '256%');
    assert.equal(shareOf(after('drain 50%')), 0);
    assert.equal(afterAgentAnswer(silentAgent, 'maxconn:30 hello'), undefined);
    assert.equal(afterAgentAnswer(silentAgent, '%'), undefined);
  });

  it('is asked over a connection, and what makes no sense is no answer', async () => {
    const received: string[] = [];
    let reply = 'up 30%\nmore';
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (piece) => {
        received.push(piece.toString());
        socket.end(reply);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const ask = (timeout = 5000) =>
      askAgent(agentTarget('127.0.0.1', { port, interval: 5000, timeout, send: 'web' }));
    assert.equal(await ask(), 'up 30%');
    reply = 'drain';
    assert.equal(await ask(), 'drain');
    reply = 'x'.repeat(5000);
    assert.equal(await ask(), undefined);
    reply = '';
    assert.equal(await ask(), undefined);
    assert.equal(received[0], 'web\n');
    await new Promise((resolve) => server.close(resolve));
    assert.equal(await ask(), undefined);
    assert.throws(() => agentTarget('127.0.0.1', { port: 0 }), /agent.port 0: expected 1 to 65535/);
    assert.throws(() => agentTarget('127.0.0.1', { port: 1, send: 'a\nb' }), /printable ASCII/);
  });

  it('changes the weight of its real, and takes it out of the ring', async () => {
    const { services, lines, pass, ring, health } = setUp({ agent: true });
    using _ = services;
    await pass(2000);
    assert.equal(ring(), '1, 3');
    lines.set('10.0.0.1', '75%');
    await pass(3000);
    assert.equal(ring(), '75, 300');
    assert.deepEqual(
      health().reals.map(({ ringWeight, agent }) => [ringWeight, agent]),
      [
        [0.75, '75%'],
        [3, undefined],
      ],
    );
    lines.set('10.0.0.1', 'drain 100%');
    await pass(3000);
    assert.deepEqual([ring(), health().up], ['0, 3', 1]);
    lines.set('10.0.0.1', 'ready').set('10.0.0.2', 'down');
    await pass(3000);
    assert.equal(ring(), '1, 0 down');
    // One that no longer answers changes nothing.
    lines.clear();
    await pass(5000);
    assert.equal(ring(), '1, 0 down');
    lines.set('10.0.0.2', 'up');
    await pass(3000);
    assert.equal(ring(), '1, 3');
  });
});

describe('a slow start', () => {
  it('goes from a tenth of the weight to all of it', () => {
    assert.deepEqual(
      [0, 99, 100, 550, 899, 900, 5000].map((ms) => startShare(ms, 1000)),
      [0.1, 0.1, 0.2, 0.6, 0.9, 1, 1],
    );
    assert.equal(startShare(0, 0), 1);
  });

  it('follows a failure, and no first result', async () => {
    const check = { type: 'tcp', interval: 1000, timeout: 500, rise: 1, fall: 1, slowStart: 10_000 } as const;
    const { services, dead, pass, ring, health } = setUp({ check });
    using _ = services;
    await pass(2000);
    assert.equal(ring(), '1, 3');
    dead.add('10.0.0.2');
    await pass(3000);
    assert.equal(ring(), '1, 0 down');
    dead.clear();
    await pass(1200);
    assert.equal(ring(), '100, 30');
    assert.equal(health().reals[1]!.ringWeight, 0.3);
    await pass(5000);
    assert.match(ring(), /^100, (150|180|210)$/);
    // A failure in the middle ends it.
    dead.add('10.0.0.2');
    await pass(1200);
    assert.equal(ring(), '1, 0 down');
    dead.clear();
    await pass(13_000);
    assert.equal(ring(), '1, 3');
  });
});

describe('a certificate', () => {
  it('that expires soon is reported once, and is in the health', async () => {
    const check = { type: 'https', interval: 1000, timeout: 500 } as const;
    const { services, pass, expiries, setExpiry, health } = setUp({ check });
    using _ = services;
    const inDays = (days: number) => new Date(Date.now() + days * 86_400_000);
    setExpiry(inDays(20));
    await pass(3000);
    assert.deepEqual(expiries, []);
    const soon = inDays(13);
    setExpiry(soon);
    await pass(5000);
    assert.deepEqual(expiries.sort(), [`10.0.0.1 ${soon.toISOString()}`, `10.0.0.2 ${soon.toISOString()}`]);
    assert.deepEqual(health().reals[0]!.health?.certificateExpires, soon);
  });
});

describe("messages of gRPC's health service", () => {
  it('are written and read, and others are none', () => {
    assert.equal(healthRequest('').toString('hex'), '0000000000');
    assert.equal(healthRequest('web').toString('hex'), '00000000050a03776562');
    assert.equal(healthRequest('x'.repeat(200)).length, 5 + 3 + 200);
    const read = (hex: string) => healthStatus(Buffer.from(hex, 'hex'));
    assert.equal(read('00000000020801'), 'SERVING');
    assert.equal(read('0000000000'), 'UNKNOWN');
    assert.equal(read('00000000020809'), 'status 9');
    // Unknown fields of each kind, then the status.
    assert.equal(
      read(`0000000015${'1203616263'}${'19'}${'00'.repeat(8)}${'25'}${'00'.repeat(4)}0802`),
      'NOT_SERVING',
    );
    for (const bad of [
      '',
      '00',
      '01000000020801',
      '00000000030801',
      '0000000001' + '08',
      '00000000020b01',
      '00000000020a09',
    ])
      assert.equal(read(bad), undefined, bad);
    assert.equal(callFailure('0'), undefined);
    assert.equal(callFailure('12'), 'gRPC status 12, the server has no health service');
    assert.equal(callFailure('x'), 'not gRPC');
  });
});
