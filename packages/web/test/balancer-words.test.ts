import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BalancerReal, BalancerSeriesAnswer } from '../src/api/balancer-types.js';
import { chartOf, meanRates } from '../src/views/balancer/balancer-chart.js';
import {
  changeText,
  endText,
  realState,
  vipState,
  weightText,
} from '../src/views/balancer/balancer-words.js';

const real: BalancerReal = {
  ...{ name: 'a', address: '10.0.0.1', weight: 2, ring_weight: 2, share: 1 },
  ...{ drained: false, condition: 'up' },
};

describe('words about balancers', () => {
  it('say that a VIP is up in part where a real gets no flows', () => {
    assert.deepEqual(vipState({ state: 'up', reals: [real] }), { text: 'up', mark: 'good' });
    const down: BalancerReal = { ...real, condition: 'down', ring_weight: 0 };
    assert.deepEqual(vipState({ state: 'up', reals: [real, down] }), { text: 'up, in part', mark: 'warn' });
    const spare: BalancerReal = { ...real, weight: 0, ring_weight: 0 };
    assert.equal(vipState({ state: 'up', reals: [real, spare] }).mark, 'good');
    assert.deepEqual(vipState({ state: 'unchecked', reals: [] }), { text: 'not checked', mark: 'none' });
  });

  it('say of a real whether it is up, and whether it gets flows', () => {
    const words = (more: Partial<BalancerReal>) => realState({ ...real, ...more }).text;
    const { condition: _, ...unchecked } = real;
    assert.equal(words({}), 'up');
    assert.equal(words({ drained: true }), 'up, drained');
    assert.equal(words({ condition: 'down', drained: true }), 'down, drained');
    assert.equal(words({ condition: 'held' }), 'held down, it changed too often');
    assert.equal(realState(unchecked).text, 'not checked');
    assert.equal(realState({ ...unchecked, weight: 0 }).text, 'weight 0');
    assert.equal(weightText(real), '2');
    assert.equal(weightText({ ...real, ring_weight: 0 }), '0 (2)');
  });

  it('name both ends', () => {
    assert.equal(endText('10.0.0.1', 80), '10.0.0.1:80');
    assert.equal(endText('2001:db8::1', 80), '[2001:db8::1]:80');
    assert.equal(endText('10.0.0.1', 0), '10.0.0.1:*');
    assert.equal(endText('10.0.0.1', undefined), '10.0.0.1');
  });

  it('say what changed, and why', () => {
    const change = { time: '', balancer: 'edge', kind: 'health', before: 'up', after: 'down' } as const;
    assert.deepEqual(changeText({ ...change, detail: 'connection refused' }), {
      text: 'is down, was up: connection refused',
      mark: 'bad',
    });
    assert.equal(changeText({ ...change, kind: 'weight', before: 1, after: 3 }).text, 'has weight 3, had 1');
  });
});

describe('charts of balancers', () => {
  const at = (minute: number) => `2026-01-01T12:0${minute}:00.000000000Z`;
  const point = (minute: number, seconds: number, packets: number) => ({
    ...{ time: at(minute), seconds, packets },
    bytes: 100 * packets,
  });
  const series = {
    balancer: 'edge',
    vip: 'web',
    points: [point(0, 60, 600), point(2, 30, 60), point(3, 1, 9)],
  };
  const answer: BalancerSeriesAnswer = {
    range: { from: at(0), to: at(4) },
    unrecorded: [{ from: at(1), to: at(2) }],
    ...{ step_seconds: 60, count: 2 },
    series: [series, { ...series, points: [] }],
  };

  it('have rates of the time that is known, and holes elsewhere', () => {
    const chart = chartOf(answer, ({ vip }) => vip, String);
    assert.deepEqual(chart.series[0]!.values, [10, null, 2, null]);
    assert.deepEqual(chart.series[1]!.values, [null, null, null, null]);
    assert.deepEqual(
      chart.series.map(({ label }) => label),
      ['web', 'web (2)'],
    );
    assert.equal(chart.unrecorded.length, 1);
  });

  it('have means over the time that is known', () => {
    assert.deepEqual(meanRates(series), { packets: 669 / 91, bytes: 66_900 / 91 });
    assert.equal(meanRates({ ...series, points: [] }), undefined);
  });
});
