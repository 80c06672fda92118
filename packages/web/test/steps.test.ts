import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Point } from '../src/api/api-types.js';
import { perSecond, stepsOf } from '../src/chart/steps.js';

const at = (seconds: number) => new Date(seconds * 1000).toISOString().replace('Z', '000000Z');
const zero = { connections: 0, failures: 0, bytes_received: 0, segments_sent: 0, segments_received: 0 };
const point = (seconds: number, bytes_sent: number): Point => ({
  ...{ time: at(seconds), ...zero, bytes_sent, retransmits: 0, rate: 0 },
});
const bytes = (each: Point) => each.bytes_sent;

describe('steps of a time axis', () => {
  test('are all there, and zero where the server has nothing', () => {
    const steps = stepsOf({ from: 60_000, to: 240_000 }, 60, [point(120, 600)], []);
    assert.deepEqual(
      steps.map((step) => perSecond(step, 60, bytes)),
      [0, 10, 0],
    );
  });

  test('that are in the range in part are measured by that part', () => {
    const steps = stepsOf({ from: 90_000, to: 150_000 }, 60, [point(60, 300), point(120, 300)], []);
    assert.deepEqual(
      steps.map((step) => perSecond(step, 60, bytes)),
      [10, 10],
    );
  });

  test('in which nothing was recorded are holes', () => {
    const hole = { from: 50_000, to: 150_000 };
    const steps = stepsOf({ from: 0, to: 180_000 }, 60, [point(0, 500), point(120, 300)], [hole]);
    assert.deepEqual(
      steps.map((step) => perSecond(step, 60, bytes)),
      [10, null, 10],
    );
  });
});
