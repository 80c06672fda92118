/** The kernel accepts every program, the balancer's with each combination of options. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Collection, OptionError } from '@weir/ebpf';
import { readObject } from '../src/datapath/objects.js';
import type { BalancerOptions } from '../src/index.js';
import { Balancer } from '../src/index.js';
import { GUE_SOURCE4, GUE_SOURCE6 } from './support/tunnel.js';

const base = {
  routerMac: '02:00:00:00:00:03',
  flows: 100,
  maxReals: 100,
  maxServerIds: 100,
  maxGlobalFlows: 100,
  maxSourceRoutes: 100,
};

/** Options that change the program, each combined with each. In guests, a quarter of the combinations have every combination of any three. */
const switches: readonly (readonly [string, Partial<BalancerOptions>])[] = [
  ['GUE', { gue: { source4: GUE_SOURCE4, source6: GUE_SOURCE6 } }],
  ['server ids', { tcpServerIds: true }],
  ['decapsulation', { inlineDecapsulation: true }],
  ['no answers to long frames', { icmpMtu: 0 }],
  ['another device to the router', { routerInterface: 'lo' }],
  ['NAT', { nat: { sources: ['192.0.2.77', 'fd00::77'], ports: [20_000, 20_099], nextHop: 'route' } }],
];

/** Whether an even number of the switches of `mask` is on. */
const isEven = (index: number, mask: number) =>
  (index & mask).toString(2).replaceAll('0', '').length % 2 === 0;
/** Of four switches each, with two in both: whatever three are chosen, a quarter of all combinations has all of theirs. */
const isInShare = (index: number) => isEven(index, 0b001111) && isEven(index, 0b111100);

/** `npm test` lets guests, which are slow, make a share of what this machine makes. */
const all = Number(process.env.WEIR_SCALE ?? 1) >= 1;

/**
 * Options that hardly affect others: long frames and a next program are in every third and every second combination, GRE in
 * half of those without GUE, shared flows in two of five.
 */
function also(index: number): Partial<BalancerOptions> {
  return {
    ...(index % 5 < 2 && { syncFlows: 1000 }),
    ...(index % 3 === 0 && { maxFrame: 9014 }),
    ...(index % 2 === 1 && { callsNext: true }),
    ...(index % 4 === 2 && { gre: true }),
  };
}

describe('the verifier', () => {
  it('the verifier accepts every combination of options', () => {
    for (let bits = 0; bits < 2 ** switches.length; bits++) {
      if (!all && !isInShare(bits)) continue;
      const on = switches.filter((_, i) => (bits >> i) & 1);
      const options = Object.assign(
        {},
        base,
        ...on.map(([, option]) => option),
        also(bits),
      ) as BalancerOptions;
      try {
        Balancer.open(options)[Symbol.dispose]();
      } catch (error) {
        throw new Error(`with ${on.map(([name]) => name).join(', ') || 'none'}`, { cause: error });
      }
    }
  });

  for (const name of ['decapsulate', 'measure', 'probe', 'tcp-server-id']) {
    it(`the verifier accepts ${name}`, () => {
      using collection = Collection.load(readObject(`${name}.bpf.o`));
      assert.ok(collection.programs.size > 0);
    });
  }
});

describe('options that make no sense', () => {
  it('options that make no sense are refused before anything is loaded', () => {
    const wrong: Partial<BalancerOptions>[] = [
      { routerMac: '02:00:00:00:00' },
      { maxFrame: 100 },
      { maxFrame: 9015 },
      { flows: 0 },
      { icmpMtu: 65536 },
      { newFlowLimit: -1 },
      { udpIdleSeconds: 0 },
      { maxReals: 16385 },
      { gue: { source4: 'fd00::1' } },
      { gue: { source6: '10.0.0.1' } },
      { gue: { port: 65536 } },
    ];
    for (const options of wrong) assert.throws(() => Balancer.open({ ...base, ...options }), OptionError);
  });
});
