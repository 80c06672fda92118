import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { GroupsAnswer, SecondSums, SeriesAnswer } from '../src/api/api-types.js';
import { continueSeries, continueTotal, knownUpTo, withEvents } from '../src/live/continue-answer.js';
import {
  countOf,
  droppedOf,
  type NewestRows,
  newerThan,
  noNewRows,
  once,
  withNewRows,
} from '../src/views/table/newest-rows.js';
import { RowList } from '../src/views/table/row-list.js';

const at = (seconds: number) =>
  new Date(Date.UTC(2026, 10, 27, 10) + seconds * 1000).toISOString().replace('Z', '000000Z');
const none = {
  ...{ connections: 0, failures: 0, bytes_sent: 0, bytes_received: 0, segments_sent: 0 },
  ...{ segments_received: 0, retransmits: 0 },
};
const second = (time: number, more: Partial<SecondSums>): SecondSums => ({
  ...none,
  time: at(time),
  ...more,
});
const coverage = {
  range: { from: at(0), to: at(10) },
  losses: [],
  unrecorded: [
    { from: at(2), to: at(3) },
    { from: at(9), to: at(10) },
  ],
};

describe('an answer that the live stream continues', () => {
  const live = {
    since: at(5),
    events: [
      { id: at(8), seconds: [second(7, { connections: 100 })] },
      { id: at(9), seconds: [second(8, { connections: 100 })] },
      {
        id: at(9.5),
        seconds: [second(8, { connections: 1 }), second(9, { connections: 2, failures: 1, bytes_sent: 30 })],
      },
      { id: at(12), seconds: [second(11, { connections: 4 })] },
    ],
  };
  const total = { ...none, connections: 50, bytes_sent: 10, rate: 1 };
  const groups: GroupsAnswer = { ...coverage, groups: [], count: 1, total };

  it('has what was stored since, and nothing twice', () => {
    assert.equal(knownUpTo(coverage), at(9));
    assert.equal(knownUpTo({ ...coverage, unrecorded: [] }), at(10));
    const next = continueTotal(groups, live);
    assert.deepEqual(next.total, { ...total, connections: 57, failures: 1, bytes_sent: 40, rate: 40 / 12 });
    assert.deepEqual(next.range, { from: at(0), to: at(12) });
    assert.deepEqual(next.unrecorded, [coverage.unrecorded[0]]);
    assert.equal(groups.total.connections, 50);
  });

  it('stays as it is where some of what was stored since is missing', () => {
    assert.equal(continueTotal(groups, { ...live, since: at(9.1) }), groups);
    assert.equal(continueTotal(groups, { ...live, since: undefined }), groups);
    const forgotten = withEvents(live, [], 1);
    assert.deepEqual(forgotten, { since: at(9.5), events: live.events.slice(3) });
    assert.equal(continueTotal(groups, forgotten), groups);
    assert.equal(withEvents(live, [{ id: at(13), seconds: [] }], 9).since, at(5));
  });

  it('has the newest steps of a series, the last of them grown', () => {
    const point = (time: number, connections: number) => ({ ...none, rate: 0, time: at(time), connections });
    const series: SeriesAnswer = {
      ...coverage,
      step_seconds: 5,
      series: [{ key: {}, points: [point(0, 20), point(5, 30)] }],
    };
    const points = (answer: SeriesAnswer) =>
      answer.series[0]!.points.map(({ time, connections }) => [time, connections]);
    const next = continueSeries(series, live);
    assert.deepEqual(points(next), [
      [at(0), 20],
      [at(5), 33],
      [at(10), 4],
    ]);
    assert.deepEqual(points(series), [
      [at(0), 20],
      [at(5), 30],
    ]);
    assert.deepEqual(points(continueSeries({ ...series, series: [] }, live)), [
      [at(5), 3],
      [at(10), 4],
    ]);
  });
});

describe('the newest rows of a table', () => {
  const row = (id: number) => ({ id: at(id), time: at(id - 0.5), read: once(() => `row ${id}`) });
  const begun = { ...noNewRows, since: at(0) };
  const most = { rows: 3, counts: 4 };
  const ids = (rows: NewestRows<string> | undefined) => rows?.rows.map(({ id }) => id);

  it('are a few, and a count of the others', () => {
    const first = withNewRows<string>(begun, [1, 2, 2].map(row), [], most);
    assert.deepEqual([first.rows.length, countOf(first)], [3, 3]);
    const next = withNewRows(first, [3, 4].map(row), [{ id: at(4), count: 10, dropped: 10 }], most);
    assert.deepEqual(ids(next), [at(2), at(3), at(4)]);
    assert.deepEqual([countOf(next), droppedOf(next)], [15, 10]);
    const list = new RowList(undefined, next);
    assert.deepEqual([list.total, list.hasGap], [15, true]);
    assert.deepEqual(
      [0, 2, 3, 14].map((number) => list.row(number)),
      ['row 4', 'row 2', undefined, undefined],
    );
  });

  it('are in the order of their ends, in whatever order they came', () => {
    const first = withNewRows<string>(begun, [2, 1].map(row), [], { rows: 2, counts: 4 });
    const next = withNewRows(first, [4, 3].map(row), [], { rows: 2, counts: 4 });
    assert.deepEqual(ids(next), [at(3), at(4)]);
    assert.deepEqual(
      next.counts.map(({ id }) => id),
      [at(1), at(2)],
    );
  });

  it('are those that an answer does not have', () => {
    const all = withNewRows<string>(begun, [1, 2, 3].map(row), [], { rows: 1, counts: 4 });
    assert.deepEqual(ids(newerThan(all, at(1))), [at(3)]);
    assert.deepEqual(
      ids(newerThan(all, at(2.5))),
      [at(3)],
      'it ended then, and is in no answer that ends before',
    );
    assert.equal(countOf(newerThan(all, at(1))!), 2);
    assert.equal(countOf(newerThan(all, at(3))!), 0);
    assert.equal(newerThan({ ...all, since: at(2) }, at(1)), undefined, 'some between are missing');
    assert.equal(newerThan(noNewRows, at(1)), undefined);
    const forgotten = withNewRows<string>(all, [4, 5].map(row), [], { rows: 1, counts: 3 });
    assert.equal(forgotten.since, at(1));
    assert.equal(newerThan(forgotten, at(0)), undefined);
  });
});
