/** Minutes of a connection as steps of a chart. Pure. */
import type { ApiRange, Interval } from '../../api/api-types.js';
import { overlap, type Span, spansOf } from '../../chart/steps.js';
import { parseApiTime } from '../../format/time-text.js';

/** What moved in each step; null: not known. */
export interface IntervalSteps {
  /** When each step begins, milliseconds since 1970. */
  readonly times: readonly number[];
  readonly sent: readonly (number | null)[];
  readonly received: readonly (number | null)[];
  readonly retransmits: readonly (number | null)[];
  readonly srttUs: readonly (number | null)[];
}

/** Spans of less than this between two intervals are no pause, milliseconds. */
const LEAST_PAUSE_MS = 2000;

/**
 * The steps of a connection from its beginning to its end. A minute without an interval moved nothing, unless nothing was recorded then.
 */
export function intervalSteps(
  intervals: readonly Interval[],
  lifetime: Span,
  unrecorded: readonly ApiRange[] = [],
): IntervalSteps {
  const holes = spansOf(unrecorded);
  const steps = {
    ...{ times: [] as number[], sent: [] as (number | null)[], received: [] as (number | null)[] },
    ...{ retransmits: [] as (number | null)[], srttUs: [] as (number | null)[] },
  };
  const add = (time: number, interval: Interval | undefined, nothing: 0 | null) => {
    steps.times.push(time);
    steps.sent.push(interval?.bytes_sent ?? nothing);
    steps.received.push(interval?.bytes_received ?? nothing);
    steps.retransmits.push(interval?.retransmits ?? nothing);
    steps.srttUs.push(interval?.srtt_us ?? null);
  };
  const pause = (from: number, to: number) => {
    if (to - from < LEAST_PAUSE_MS) return;
    const missing = holes.reduce((sum, hole) => sum + overlap(hole, { from, to }), 0);
    add(from, undefined, missing > (to - from) / 2 ? null : 0);
  };
  let at = lifetime.from;
  for (const interval of intervals) {
    const end = parseApiTime(interval.time);
    // Two ends of one connection, or clocks that were set, may lie over each other.
    const start = Math.max(at, end - interval.span_us / 1000);
    pause(at, start);
    add(start, interval, 0);
    at = Math.max(at, end);
  }
  pause(at, lifetime.to);
  return steps;
}
