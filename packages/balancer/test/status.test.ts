/** The status of a running balancer. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseConfig } from '../src/config/index.js';
import { commentOf } from '../src/control/pcap-stream.js';
import { probeOptions } from '../src/control/probe-source.js';
import { StateFile } from '../src/control/state-file.js';
import { counterRates, type Sample, vipStatuses } from '../src/control/status-report.js';
import type { Counters, ServiceHealth } from '../src/index.js';

const config = parseConfig(`
interface: eth0
vips:
  - name: web
    address: 198.51.100.1
    port: 80
    protocol: tcp
    reals: [{name: a, address: 10.0.0.1}, {name: b, address: 10.0.0.2, weight: 3}]
    check: {type: tcp}
  - {address: 198.51.100.2, port: 53, protocol: udp, reals: [{address: 10.0.0.1}]}
`);
const [web, dns] = config.vips;

function sample(timeNs: bigint, packets: number, reals: readonly [string, number][]): Sample {
  const service = { address: '198.51.100.1', port: 80, protocol: 'tcp' } as const;
  return {
    timeNs,
    services: [{ service, spec: { reals: [] }, packets, bytes: packets * 100 }],
    reals: reals.map(([address, count]) => ({ address, packets: count, bytes: count * 100 })),
    counters: { packets, dropped: 2 } as Counters,
  };
}

const since = new Date(0);
const health: ServiceHealth[] = [
  {
    service: web!,
    state: 'up',
    up: 1,
    reals: [
      {
        address: '10.0.0.1',
        weight: 1,
        ringWeight: 0,
        health: {
          address: '10.0.0.1',
          condition: 'down',
          reason: 'connection refused',
          since,
          checked: since,
          tookMs: 1,
          passed: 0,
          failed: 3,
        },
      },
      { address: '10.0.0.2', weight: 3, ringWeight: 3, health: undefined },
    ],
  },
];

test('the status has traffic, rates, shares, health and drains of VIPs and reals', () => {
  const isDrained = (_: unknown, { name }: { name: string }) => name === 'a';
  const before = sample(0n, 100, [['10.0.0.2', 50]]);
  const after = sample(2_000_000_000n, 300, [['10.0.0.2', 60]]);
  const idle = { packets: 0, bytes: 0, packetsPerSecond: 0, bytesPerSecond: 0 };
  assert.deepEqual(vipStatuses({ config, health, isDrained }, before, after), [
    {
      ...{ name: 'web', address: '198.51.100.1', port: 80, protocol: 'tcp', forwarding: 'tunnel', flags: [] },
      state: 'up',
      ...{ packets: 300, bytes: 30_000, packetsPerSecond: 100, bytesPerSecond: 10_000 },
      reals: [
        {
          ...{ name: 'a', address: '10.0.0.1', weight: 1, ringWeight: 0, share: 0, drained: true },
          ...{ condition: 'down', reason: 'connection refused', since: '1970-01-01T00:00:00.000Z' },
          traffic: idle,
        },
        {
          ...{ name: 'b', address: '10.0.0.2', weight: 3, ringWeight: 3, share: 1, drained: false },
          traffic: { packets: 60, bytes: 6000, packetsPerSecond: 5, bytesPerSecond: 500 },
        },
      ],
    },
    {
      ...{ name: '198.51.100.2:53/udp', address: '198.51.100.2', port: 53, protocol: 'udp' },
      ...{ forwarding: 'tunnel', flags: [], state: 'unchecked', ...idle },
      reals: [
        {
          ...{ name: '10.0.0.1', address: '10.0.0.1', weight: 1, ringWeight: 0, share: 0, drained: false },
          traffic: idle,
        },
      ],
    },
  ]);
  assert.deepEqual(counterRates(before, after), { packets: 100, dropped: 0 });
  // Counters of a service that was removed and added again restart from 0; a single sample has no rates.
  assert.deepEqual(counterRates(after, { ...before, timeNs: 3_000_000_000n }).packets, 0);
  assert.deepEqual(counterRates(after, after).packets, 0);
});

test('the status says why a ring stays', () => {
  const source = { config, health: [{ ...health[0]!, state: 'down' as const }], isDrained: () => false };
  const now = sample(0n, 1, []);
  assert.equal(vipStatuses(source, now, now)[0]!.ringStays, 'down');
  const drained = { ...now, services: [{ ...now.services[0]!, keptWeights: [2, 6] }] };
  const [status] = vipStatuses(source, drained, drained);
  assert.equal(status!.ringStays, 'drained');
  assert.deepEqual(
    status!.reals.map(({ ringWeight, share }) => [ringWeight, share]),
    [
      [2, 0.25],
      [6, 0.75],
    ],
  );
});

test('a captured packet has a comment with verdict, VIP and real', () => {
  const of = (more: object) =>
    commentOf({ verdict: 'tx', reason: 'ring', service: undefined, real: undefined, ...more }, config);
  assert.equal(of({ verdict: 'pass', reason: 'not-a-vip' }), 'pass: not-a-vip');
  assert.equal(of({ service: web, real: '10.0.0.2' }), 'tx: ring, VIP web, real b (10.0.0.2)');
  assert.equal(of({ service: dns, real: '10.0.0.1' }), 'tx: ring, VIP 198.51.100.2:53/udp, real 10.0.0.1');
  assert.equal(of({ service: web, real: '10.0.0.9' }), 'tx: ring, VIP web, real 10.0.0.9');
});

test('probes leave by the configured devices and sources', () => {
  const own = (address: string, family: 'IPv4' | 'IPv6') => ({ address, family }) as never;
  const all = { eth0: [own('192.0.2.9', 'IPv4'), own('fe80::1', 'IPv6'), own('2001:db8::9', 'IPv6')] };
  assert.deepEqual(probeOptions(config, all), {
    interfaces: ['eth0'],
    source4: '192.0.2.9',
    source6: '2001:db8::9',
  });
  const gue = parseConfig(
    'interface: eth0\nencapsulation: {gue: {source4: 192.0.2.1, port: 7}}\nprobes: {interfaces: [eth1]}\nvips: []',
  );
  assert.deepEqual(probeOptions(gue, all), { interfaces: ['eth1'], source4: '192.0.2.1', gue: { port: 7 } });
});

test('a state file is read as it was written; a damaged one is reported and ignored', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-state-'));
  try {
    const errors: string[] = [];
    const file = new StateFile(join(folder, 'new', 'state.json'), ({ message }) => errors.push(message));
    assert.equal(file.read(), undefined);
    const state = {
      drains: [{ service: { address: '::1', port: 1, protocol: 'tcp' }, real: '::2' }],
      globalFlows: [],
    } as const;
    file.write(state);
    assert.deepEqual([file.read(), errors], [state, []]);
    writeFileSync(join(folder, 'new', 'state.json'), '{"version"');
    assert.equal(file.read(), undefined);
    assert.equal(errors.length, 1);
    file.remove();
    file.remove();
    assert.equal(file.read(), undefined);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
