import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dragged, moved, partAt, zoomed } from '../src/time/brush-motion.js';
import { isLiveRange, rangeBefore, rangeBetween, stepSeconds } from '../src/time/range-text.js';

describe('ranges', () => {
  test('that end now move on', () => {
    for (const live of ['-1h', '-90s', ' -1.5h', '-1h30m', '-1h..', '-1h..now'])
      assert.ok(isLiveRange(live), live);
    for (const fixed of ['-2h..-1h', 'yesterday', '10:32..10:45', '2026-11-26T10:00:00Z..+5m'])
      assert.ok(!isLiveRange(fixed), fixed);
  });

  test('are written as moments', () => {
    assert.equal(rangeBetween(0, 60_000), '1970-01-01T00:00:00.000Z..1970-01-01T00:01:00.000Z');
    assert.equal(rangeBefore(60_000, 120_000), rangeBetween(0, 60_000));
  });

  test('have steps of usual lengths', () => {
    assert.equal(stepSeconds(0, 3_600_000, 150), 30);
    assert.equal(stepSeconds(0, 86_400_000, 150), 600);
    assert.equal(stepSeconds(0, 365 * 86_400_000, 150), 7 * 86_400);
  });
});

describe('the brush', () => {
  const whole = { from: 0, to: 1_000_000 };
  const selected = { from: 400_000, to: 600_000 };

  test('knows what is dragged', () => {
    assert.equal(partAt(401_000, selected, 5000), 'from');
    assert.equal(partAt(598_000, selected, 5000), 'to');
    assert.equal(partAt(500_000, selected, 5000), 'all');
    assert.equal(partAt(100_000, selected, 5000), 'new');
    assert.equal(partAt(601_000, { from: 599_000, to: 600_000 }, 5000), 'all');
  });

  test('keeps the selection within the history, and its ends in order', () => {
    assert.deepEqual(dragged('all', 500_000, 2_000_000, selected, whole), { from: 800_000, to: 1_000_000 });
    assert.deepEqual(dragged('from', 400_000, 700_000, selected, whole), { from: 600_000, to: 700_000 });
    assert.deepEqual(dragged('new', 300_000, 100_000, selected, whole), { from: 100_000, to: 300_000 });
    assert.deepEqual(moved(selected, -500_000, whole), { from: 0, to: 200_000 });
    assert.deepEqual(zoomed(selected, 2, whole), { from: 300_000, to: 700_000 });
    assert.deepEqual(zoomed(selected, 100, whole), whole);
  });
});
