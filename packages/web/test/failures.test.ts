import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type {
  CompareAnswer,
  Coverage,
  Difference,
  GroupsAnswer,
  Measures,
  Point,
} from '../src/api/api-types.js';
import { againstRange } from '../src/views/compare/against.js';
import { chosenDifferences, countChanges, largest } from '../src/views/compare/differences.js';
import { coverageChanges, fieldChanges, onsetSpans } from '../src/views/failures/coincidence.js';
import { keyFromText, keyText } from '../src/views/failures/failure-key.js';
import { countKinds, failureKinds, kindOf } from '../src/views/failures/failure-kinds.js';
import { LONGEST_STRIP, stepsOfPoints, stripBars } from '../src/views/failures/strip-bars.js';

const START = Date.parse('2026-11-27T10:00:00Z');
const time = (second: number) => new Date(START + second * 1000).toISOString();
const sums: Measures = {
  ...{
    connections: 10,
    failures: 0,
    bytes_sent: 5,
    bytes_received: 5,
    segments_sent: 1,
    segments_received: 1,
  },
  ...{ retransmits: 0, rate: 1 },
};
const range = { from: START, to: START + 3_600_000 };
const coverage = (from: number, to: number, more: Partial<Coverage> = {}): Coverage => ({
  ...{ range: { from: time(from), to: time(to) }, losses: [], unrecorded: [] },
  ...more,
});

describe('kinds of failures', () => {
  it('are counted out of errors, and every error is in one', () => {
    const group = (error: string, connections: number) => ({ ...sums, key: { error }, connections });
    const errors: GroupsAnswer = {
      ...coverage(0, 1),
      groups: [
        group('ECONNREFUSED', 5),
        group('EHOSTUNREACH', 2),
        group('ENETUNREACH', 1),
        group('EPERM', 3),
      ],
      ...{ count: 4, total: { ...sums, connections: 11 } },
    };
    const { cut, ...counts } = countKinds(errors, undefined);
    assert.deepEqual(counts, { all: 11, refused: 5, 'timed-out': 0, reset: 0, unreachable: 3, other: 3 });
    assert.equal(cut, undefined);
    assert.equal(kindOf('nonsense'), failureKinds[0]);
    assert.equal(kindOf('unreachable').filter, 'event=fail error=EHOSTUNREACH,ENETUNREACH');
  });

  it('have keys that links hold', () => {
    const by = ['error', 'process', 'port'];
    const key = { error: 'EPERM', process: '"\u202e', port: 80, more: 1 };
    assert.deepEqual(keyFromText(by, keyText(by, key)), { error: 'EPERM', process: '"\u202e', port: 80 });
    for (const text of ['', '[]', '{"a":1}', '[{},1,2]', '[1,2,3,4]'])
      assert.equal(keyFromText(by, text), undefined);
  });
});

describe('a strip of time', () => {
  const point = (second: number, connections: number): Point => ({
    ...sums,
    time: time(second),
    connections,
  });
  const points = [point(-60, 1), point(600, 4), point(1200, 0), point(1800, 2)];

  it('has a bar for each step with connections', () => {
    const bars = stripBars(points, range, 60);
    assert.deepEqual(
      bars.map(({ part }) => part),
      [0.25, 1, 0.5],
    );
    assert.equal(bars[1]!.start, LONGEST_STRIP / 6);
    assert.ok(bars.every(({ start, width }) => start >= 0 && start + width <= LONGEST_STRIP));
  });

  it('says the first and the last step', () => {
    assert.deepEqual(stepsOfPoints(points, range, 60), {
      first: { from: START, to: START },
      last: { from: START + 1_800_000, to: START + 1_860_000 },
    });
    assert.equal(stepsOfPoints([point(0, 0)], range, 60), undefined);
  });
});

describe('what changed when something began to fail', () => {
  const onset = START + 1_800_000;
  const spans = onsetSpans(onset, range);
  const own = { process: 'node', peer_name: '10.9.9.9' };
  const answer = (differences: Difference[], unrecorded: Coverage['unrecorded'] = []): CompareAnswer => ({
    ...coverage(0, 1),
    ...{ against: coverage(0, 1, { unrecorded }), differences, count: differences.length },
  });
  const began = (process: string | null, connections = 10): Difference => ({
    ...{ key: { process }, changes: ['new'], now: { ...sums, connections } },
  });

  it('is looked for around the moment', () => {
    assert.ok(spans.before.from < spans.before.to && spans.before.to === spans.after.from);
    assert.ok(spans.after.from < onset && spans.after.to > onset);
  });

  it('is what began and what ended, its own first', () => {
    const gone: Difference = {
      key: { process: 'api' },
      changes: ['gone'],
      before: { ...sums, connections: 90 },
    };
    const seldom: Difference = {
      key: { process: 'cron' },
      changes: ['gone'],
      before: { ...sums, connections: 2 },
    };
    const changes = fieldChanges(
      spans,
      'process',
      answer([began('x', 5), began('node', 1), gone, seldom, began(null)]),
      own,
    );
    assert.deepEqual(
      changes.map((change) => ('value' in change ? [change.kind, change.value, change.isOwn] : [])),
      [
        ['began', 'node', true],
        ['ended', 'api', false],
        ['began', 'x', false],
      ],
    );
  });

  it('is nothing where the time before was not recorded', () => {
    const hole = {
      from: new Date(spans.before.from).toISOString(),
      to: new Date(spans.before.to).toISOString(),
    };
    assert.deepEqual(fieldChanges(spans, 'process', answer([began('node')], [hole]), own), []);
  });

  it('is the beginning of recording, or a loss, only where these are near', () => {
    const second = (ms: number) => (ms - START) / 1000;
    const near = coverage(0, 1, {
      unrecorded: [{ from: time(0), to: time(second(onset) - 5) }],
      losses: [{ time: time(second(onset) + 1), where: 'ring', count: 3 }],
    });
    assert.deepEqual(
      coverageChanges(onset, spans, near).map(({ kind }) => kind),
      ['recording', 'loss'],
    );
    const far = coverage(0, 1, {
      unrecorded: [{ from: time(0), to: time(60) }],
      losses: [{ since: time(0), time: time(100), where: 'ring' }],
    });
    assert.deepEqual(coverageChanges(onset, spans, far), []);
  });
});

describe('a comparison', () => {
  it('is with the range before, or one that does not reach into the range', () => {
    const hour = { from: START, to: START + 3_600_000 };
    assert.equal(againstRange('before', hour), '2026-11-27T09:00:00.000Z..2026-11-27T10:00:00.000Z');
    assert.equal(againstRange('yesterday', hour), '2026-11-26T10:00:00.000Z..2026-11-26T11:00:00.000Z');
    assert.equal(againstRange('week', hour), '2026-11-20T10:00:00.000Z..2026-11-20T11:00:00.000Z');
    const days = { from: START, to: START + 1.5 * 86_400_000 };
    assert.equal(againstRange('yesterday', days), '2026-11-25T10:00:00.000Z..2026-11-26T22:00:00.000Z');
    assert.equal(againstRange('-3h..-2h', hour), '-3h..-2h');
  });

  it('counts ways to differ, and shows the worst first', () => {
    const slower = (name: string, us: number): Difference => ({
      ...{ key: { process: name }, changes: ['slower'] },
      ...{ now: { ...sums, handshake_us: us }, before: { ...sums, handshake_us: 100 } },
    });
    const list = [
      slower('a', 200),
      { key: { process: 'b' }, changes: ['new' as const], now: sums },
      slower('c', 900),
    ];
    assert.deepEqual(countChanges(list), { new: 1, gone: 0, slower: 2, more_failures: 0, more_bytes: 0 });
    assert.deepEqual(
      chosenDifferences(list, 'slower').map(({ key }) => key.process),
      ['c', 'a'],
    );
    assert.equal(
      largest(list, ({ handshake_us }) => handshake_us),
      900,
    );
    assert.equal(
      largest([], () => 1),
      0,
    );
  });
});
