/** Bars of a strip of time, and what begins and ends in it. Pure. */
import type { Point } from '../../api/api-types.js';
import type { Span } from '../../chart/steps.js';
import { parseApiTime } from '../../format/time-text.js';

/** The width of a strip. */
export const LONGEST_STRIP = 240;
const LEAST_BAR = 1.5;

/** A bar. */
export interface Bar {
  readonly start: number;
  readonly width: number;
  /** Its height, a part of one. */
  readonly part: number;
}

/** When something happened, to a step. */
export interface Steps {
  /** The steps of the first and the last time, milliseconds since 1970. */
  readonly first: Span;
  readonly last: Span;
}

const placeOf = (ms: number, range: Span) =>
  (Math.max(0, Math.min(1, (ms - range.from) / (range.to - range.from))) || 0) * LONGEST_STRIP;

/** A bar for each step in which connections were. */
export function stripBars(points: readonly Point[], range: Span, stepSeconds: number): Bar[] {
  const most = Math.max(1, ...points.map(({ connections }) => connections));
  return points
    .filter(({ connections }) => connections > 0)
    .map(({ time, connections }) => {
      const from = parseApiTime(time);
      const start = placeOf(from, range);
      const end = placeOf(from + stepSeconds * 1000, range);
      return { start, width: Math.max(LEAST_BAR, end - start - 0.4), part: connections / most };
    });
}

/** Spans as parts of a strip. */
export function stripHoles(spans: readonly Span[], range: Span): { start: number; width: number }[] {
  return spans.map(({ from, to }) => {
    const start = placeOf(from, range);
    return { start, width: Math.max(0, placeOf(to, range) - start) };
  });
}

/** The first and the last step with connections; undefined where there is none. */
export function stepsOfPoints(points: readonly Point[], range: Span, stepSeconds: number): Steps | undefined {
  const times = points.filter(({ connections }) => connections > 0).map(({ time }) => parseApiTime(time));
  if (times.length === 0) return undefined;
  const step = (from: number): Span => ({
    from: Math.max(range.from, from),
    to: Math.min(range.to, from + stepSeconds * 1000),
  });
  return { first: step(Math.min(...times)), last: step(Math.max(...times)) };
}
