/** Steps of a time axis, with holes where nothing was recorded. Pure. */
import type { ApiRange, Loss, Point } from '../api/api-types.js';
import { parseApiTime } from '../format/time-text.js';

/** A span of time, milliseconds since 1970. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** A step of the axis with its point, where one has something. */
export interface Step {
  /** Milliseconds since 1970. */
  readonly from: number;
  /** Seconds of it that are in the range and were recorded. */
  readonly recordedSeconds: number;
  readonly point: Point | undefined;
}

/** A smaller part of a step says nothing about it. */
const LEAST_PART = 0.1;

/** The spans of an answer. */
export function spansOf(ranges: readonly ApiRange[]): Span[] {
  return ranges.map(({ from, to }) => ({ from: parseApiTime(from), to: parseApiTime(to) }));
}

/** The spans of losses; where it is not known when one began, a moment. */
export function lossSpans(losses: readonly Loss[]): Span[] {
  return losses.map(({ since, time }) => {
    const to = parseApiTime(time);
    return { from: since === undefined ? to : parseApiTime(since), to };
  });
}

/** Milliseconds that two spans have in common. */
export function overlap(a: Span, b: Span): number {
  return Math.max(0, Math.min(a.to, b.to) - Math.max(a.from, b.from));
}

/** All steps of a range, also those for which the server has no point. */
export function stepsOf(
  range: Span,
  stepSeconds: number,
  points: readonly Point[],
  unrecorded: readonly Span[],
): Step[] {
  const step = stepSeconds * 1000;
  const byTime = new Map(points.map((point) => [Math.round(parseApiTime(point.time) / step), point]));
  const steps: Step[] = [];
  for (let index = Math.floor(range.from / step); index * step < range.to; index++) {
    const span = { from: index * step, to: (index + 1) * step };
    const inRange = { from: Math.max(span.from, range.from), to: Math.min(span.to, range.to) };
    const missing = unrecorded.reduce((sum, hole) => sum + overlap(inRange, hole), 0);
    const recordedMs = Math.max(0, inRange.to - inRange.from - missing);
    steps.push({ from: span.from, recordedSeconds: recordedMs / 1000, point: byTime.get(index) });
  }
  return steps;
}

/** A sum of a step by the second; null where too little of the step was recorded. */
export function perSecond(
  { recordedSeconds, point }: Step,
  stepSeconds: number,
  sum: (point: Point) => number,
) {
  if (recordedSeconds < stepSeconds * LEAST_PART) return null;
  return point === undefined ? 0 : sum(point) / recordedSeconds;
}
