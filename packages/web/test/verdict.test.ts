import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Measures } from '../src/api/api-types.js';
import { concernsOf, type VerdictInput } from '../src/views/overview/verdict.js';

const measures: Measures = {
  ...{ connections: 1000, failures: 0, bytes_sent: 1e6, bytes_received: 1e6, retransmits: 0, rate: 100 },
  ...{ segments_sent: 5000, segments_received: 5000, retransmit_ratio: 0, handshake_us: 500 },
};
const time = (minute: number) => `2026-11-27T13:${String(minute).padStart(2, '0')}:00.000000000Z`;
const at = (minute: number) => Date.UTC(2026, 10, 27, 13, minute);

function input(change: Partial<VerdictInput> = {}): VerdictInput {
  const range = { from: time(0), to: time(10) };
  return {
    ...{
      range: { from: at(0), to: at(10) },
      now: measures,
      before: measures,
      errors: undefined,
      differences: [],
    },
    coverage: { range, losses: [], unrecorded: [] },
    ...change,
  };
}
const levels = (change: Partial<VerdictInput>) => concernsOf(input(change)).map(({ level }) => level);
const texts = (change: Partial<VerdictInput>) => concernsOf(input(change)).map(({ text }) => text);

describe('the line at the top of the overview', () => {
  test('names nothing where nothing is wrong', () => {
    assert.deepEqual(concernsOf(input()), []);
  });

  test('names a share of failures that is large or has grown, and what fails most', () => {
    const group = { ...measures, failures: 80, key: { error: 'ECONNREFUSED' } };
    const coverage = input().coverage;
    const errors = { ...coverage, groups: [group], count: 1, total: measures };
    assert.deepEqual(texts({ now: { ...measures, failures: 80 }, errors }), [
      '8% of connections failed (0% before), most refused',
    ]);
    assert.deepEqual(levels({ now: { ...measures, failures: 12 } }), ['bad']);
    const before = { ...measures, failures: 12 };
    assert.deepEqual(levels({ now: { ...measures, failures: 12 }, before }), ['note']);
  });

  test('names what was lost, and what was not recorded, but not what is not in yet', () => {
    const { range } = input().coverage;
    const losses = [{ since: time(1), time: time(2), count: 12, where: 'ring' }];
    assert.deepEqual(texts({ coverage: { range, losses, unrecorded: [] } }), [
      '12 events were lost in 1 min',
    ]);
    const late = [{ from: time(9), to: time(10) }];
    assert.deepEqual(texts({ coverage: { range, losses: [], unrecorded: late } }), []);
    const hole = [{ from: time(2), to: time(4) }];
    assert.deepEqual(texts({ coverage: { range, losses: [], unrecorded: hole } }), [
      '2 min (20%) of this range not recorded',
    ]);
  });

  test('names handshakes that got slower', () => {
    assert.deepEqual(texts({ now: { ...measures, handshake_us: 9000 } }), [
      'handshakes take 9 ms (500 µs before)',
    ]);
  });
});
