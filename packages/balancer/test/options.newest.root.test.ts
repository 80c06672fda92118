/** The kernel takes the program with each combination of options. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BalancerOptions } from '../src/index.js';
import { Balancer } from '../src/index.js';
import { GUE_SOURCE4, GUE_SOURCE6 } from './support/tunnel.js';

const gue = { source4: GUE_SOURCE4, source6: GUE_SOURCE6 };
/** Few of the combinations, since an emulated machine takes ten seconds for each: each option is on and off. */
const combinations: Readonly<Record<string, Partial<BalancerOptions>>> = {
  'no options': {},
  'GUE alone, nobody told of long frames': { gue, toldMtu: 0 },
  'all but GUE': { tcpServerIds: true, inlineDecapsulation: true },
  'all, with the longest frames': { gue, tcpServerIds: true, inlineDecapsulation: true, maxFrame: 9014 },
};
const base = { routerMac: '02:00:00:00:00:03', flows: 100, maxGlobalFlows: 100 };

describe('the verifier', () => {
  for (const [name, options] of Object.entries(combinations)) {
    it(`takes ${name}`, () => {
      Balancer.open({ ...base, ...options })[Symbol.dispose]();
    });
  }
});

describe('options that make no sense', () => {
  it('are refused before anything is loaded', () => {
    const wrong: Partial<BalancerOptions>[] = [
      { routerMac: '02:00:00:00:00' },
      { maxFrame: 100 },
      { maxFrame: 9015 },
      { flows: 0 },
      { toldMtu: 65536 },
      { newFlowLimit: -1 },
      { udpIdleSeconds: 0 },
      { maxReals: 16385 },
      { gue: { source4: 'fd00::1' } },
      { gue: { source6: '10.0.0.1' } },
      { gue: { port: 65536 } },
    ];
    for (const options of wrong) assert.throws(() => Balancer.open({ ...base, ...options }), RangeError);
  });
});
