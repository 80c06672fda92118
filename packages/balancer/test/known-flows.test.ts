/** Services of known flows, their hash, and their counts; the program itself is in packets/known-flows.ts. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { keyAddress, keyPrefix, wirePort } from '../src/address.js';
import type { ServedService } from '../src/datapath/service-table.js';
import { ageBounds, FlowCounter } from '../src/flows/flow-analysis.js';
import { FlowHash } from '../src/flows/flow-hash.js';
import { emptyFlow, type RawFlow, swapPort } from '../src/flows/raw-flow.js';
import { isWithin, ServiceFinder } from '../src/flows/service-finder.js';
import type { ServiceFlag } from '../src/service.js';

let number = 0;

function served(
  address: string,
  port: number,
  flags: ServiceFlag[] = [],
  reals: number[] = [],
): ServedService {
  const members = reals.map((each) => ({ real: { number: each }, weight: 1, down: false }));
  return {
    service: { address, port, protocol: 'tcp' },
    spec: { reals: [], flags },
    number: number++,
    members: members as unknown as ServedService['members'],
    kept: undefined,
  };
}

function flow(destination: string, port: number): RawFlow {
  const raw = emptyFlow();
  const { words, ipv6 } = keyAddress(destination);
  raw.ends.set(words, 4);
  return Object.assign(raw, {
    ipv6,
    hasEnds: true,
    destinationPort: wirePort(port),
    sourcePort: wirePort(7),
  });
}

describe('the service of a known flow', () => {
  const exact = served('198.51.100.1', 443);
  const any = served('198.51.100.1', 0);
  const wide = served('198.51.100.0/24', 80, [], [1]);
  const narrow = served('198.51.100.128/25', 0, [], [2]);
  const both = served('203.0.113.0/24', 0, ['hashBothPorts', 'noSourcePort']);
  const v6 = served('c633:6401::', 443);
  const finder = new ServiceFinder([exact, any, wide, narrow, both, v6]);
  const found = (address: string, port: number, real = 0) => finder.find(flow(address, port), real)?.number;

  it('is the one with its address and port', () => {
    assert.equal(found('198.51.100.1', 443), exact.number);
    // The same words as the IPv4 address.
    assert.equal(found('c633:6401::', 443), v6.number);
    assert.equal(found('c633:6401::', 80), undefined);
  });

  it('is one for all ports where the port does not count', () => {
    assert.equal(found('198.51.100.1', 0), any.number);
    assert.equal(found('203.0.113.9', 8443), both.number);
    assert.equal(found('203.0.113.9', 0), undefined);
  });

  it('is the one of several prefixes that has its real', () => {
    assert.equal(found('198.51.100.200', 0), narrow.number);
    assert.equal(found('198.51.100.200', 0, 1), wide.number);
    assert.equal(found('198.51.100.2', 0), wide.number);
    assert.equal(found('198.51.101.2', 0), undefined);
  });

  it('of a packet is found as the program finds it', () => {
    const target = (address: string, port: number) => {
      const result = finder.target(flow(address, port));
      return result && [result.served.number, swapPort(result.sourcePort), swapPort(result.destinationPort)];
    };
    assert.deepEqual(target('198.51.100.1', 443), [exact.number, 7, 443]);
    assert.deepEqual(target('198.51.100.1', 80), [wide.number, 7, 0]);
    assert.deepEqual(target('198.51.100.1', 81), [any.number, 7, 0]);
    assert.deepEqual(target('198.51.100.200', 81), [narrow.number, 7, 0]);
    assert.deepEqual(target('203.0.113.1', 81), [both.number, 0, 81]);
    assert.equal(target('192.0.2.1', 81), undefined);
  });
});

describe('a prefix', () => {
  it('has the addresses whose first bits are its own', () => {
    const within = (address: string, prefix: string) =>
      isWithin(keyAddress(address).words, 0, keyPrefix(prefix));
    for (const prefix of ['0.0.0.0/0', '128.0.0.0/1', '198.51.96.0/20', '198.51.100.7'])
      assert.ok(within('198.51.100.7', prefix), prefix);
    for (const prefix of ['0.0.0.0/1', '198.51.112.0/20', '198.51.100.6'])
      assert.ok(!within('198.51.100.7', prefix), prefix);
    assert.ok(within('2001:db8:5::1', '2001:db8:4::/47'));
    assert.ok(!within('2001:db8:6::1', '2001:db8:4::/47'));
    assert.ok(within('2001:db8::1', '::/0'));
    assert.ok(!within('2001:db8::1', '2001:db8::2'));
  });
});

describe('the hash of IPv6 addresses', () => {
  it('is the upper half of a sum of products modulo 2^64', () => {
    const secrets = new Uint8Array(160);
    for (let i = 0; i < secrets.length; i++) secrets[i] = (i * 167 + 250) & 0xff;
    const words = new BigUint64Array(secrets.slice().buffer);
    const hash = new FlowHash(secrets);
    for (const first of [0, 1, 0xffffffff, 0x80000000, 0x12345678]) {
      const ends = Uint32Array.from({ length: 8 }, (_, i) => (first ^ (i * 0x9e3779b9)) >>> 0);
      const sum = (from: number) => {
        const all = [...ends].reduce(
          (total, word, i) => total + BigInt(word) * words[from + i]!,
          words[from + 8]!,
        );
        return Number(BigInt.asUintN(64, all) >> 32n);
      };
      assert.deepEqual([hash.high(ends), hash.low(ends)], [sum(0), sum(9)]);
    }
  });
});

describe('an analysis', () => {
  it('counts by age, service, real and table', () => {
    const counter = new FlowCounter();
    const web = { address: '198.51.100.1', port: 80, protocol: 'tcp' } as const;
    const a = { address: '10.0.0.1', port: 0 };
    const b = { address: '10.0.0.1', port: 8080 };
    const one = { service: web, real: a, state: 'known', idleMs: 999, cpu: 1, translated: false } as const;
    counter.add(one);
    counter.add({ ...one, idleMs: 1000, cpu: 0 });
    counter.add({ ...one, real: b, cpu: undefined, translated: true, idleMs: 1e9 });
    counter.add({ ...one, service: undefined, real: undefined, state: 'stale', cpu: undefined });
    const result = counter.analysis();
    assert.deepEqual(result.ages, [2, 1, ...ageBounds.slice(2).map(() => 0), 1]);
    assert.deepEqual([result.flows, result.withoutService, result.fallback, result.translated], [4, 1, 1, 1]);
    assert.deepEqual(result.states, { known: 3, idle: 0, stale: 1 });
    assert.deepEqual(result.cpus, [
      { cpu: 0, flows: 1 },
      { cpu: 1, flows: 1 },
    ]);
    const reals = [
      { address: '10.0.0.1', flows: 2 },
      { address: '10.0.0.1', port: 8080, flows: 1 },
    ];
    assert.deepEqual(result.reals, reals);
    assert.deepEqual(
      result.services.map(({ service, flows, reals: own }) => [service, flows, own]),
      [[web, 3, reals]],
    );
  });
});
