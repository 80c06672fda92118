/** How far the history reaches back, and what was in it, roughly: for the brush. */
import { computed, effect, type ReadonlySignal, signal } from '@preact/signals';
import type { Point, SeriesAnswer } from '../api/api-types.js';
import { ask } from '../api/client.js';
import { recovery } from '../api/server-state.js';
import { lossSpans, type Span, spansOf } from '../chart/steps.js';
import { parseApiTime } from '../format/time-text.js';
import { continueSeries } from '../live/continue-answer.js';
import { liveSums } from '../live/live-sums.js';
import { currentFilter } from '../state/page-state.js';
import { rangeBetween, stepSeconds } from './range-text.js';

/** All of the history in steps. */
export interface HistorySpan extends Span {
  readonly stepSeconds: number;
  readonly points: readonly Point[];
  readonly unrecorded: readonly Span[];
  readonly lost: readonly Span[];
}

const known = signal<SeriesAnswer | undefined>(undefined);

/** All of the history; undefined until it is known, or where there is none. */
export const historySpan: ReadonlySignal<HistorySpan | undefined> = computed(() =>
  known.value === undefined ? undefined : spanOf(continueSeries(known.value, liveSums.value)),
);

/** A young history is drawn as a part of this much, so that it does not look like everything. */
const LEAST_MS = 10 * 60_000;
const MOST_STEPS = 240;
const AGAIN_MS = 30_000;

/** Keeps it up to date until the page is closed. */
export function followHistory(): void {
  let timer: number | undefined;
  let controller = new AbortController();
  effect(() => {
    const filter = currentFilter.value;
    void recovery.value;
    controller.abort();
    controller = new AbortController();
    clearTimeout(timer);
    void follow(filter, controller.signal);
  });
  async function follow(filter: string, signal: AbortSignal): Promise<void> {
    try {
      known.value = await read(filter, signal);
    } catch {
      // Other questions say what is wrong.
      if (signal.aborted) return;
    }
    const again = () => {
      if (document.hidden) timer = setTimeout(again, 1_000);
      else void follow(filter, signal);
    };
    timer = setTimeout(again, AGAIN_MS);
  }
}

function spanOf({ range, step_seconds, series, unrecorded, losses }: SeriesAnswer): HistorySpan {
  return {
    ...{ from: parseApiTime(range.from), to: parseApiTime(range.to), stepSeconds: step_seconds },
    ...{ points: series[0]?.points ?? [], unrecorded: spansOf(unrecorded), lost: lossSpans(losses) },
  };
}

async function read(filter: string, signal: AbortSignal): Promise<SeriesAnswer | undefined> {
  const { hosts } = await ask('hosts', {}, { signal });
  if (hosts.length === 0) return undefined;
  const first = Math.min(...hosts.map(({ first_seen }) => parseApiTime(first_seen)));
  const now = Date.now();
  const whole = { from: Math.min(first, now - 1000), to: now };
  const coverage = await ask('losses', { range: rangeBetween(whole.from, whole.to) }, { signal });
  // The first rows of an old host may not be kept any more.
  const [hole] = spansOf(coverage.unrecorded);
  const begin = hole !== undefined && hole.from <= whole.from && hole.to < now ? hole.to : whole.from;
  const from = Math.min(begin, now - LEAST_MS);
  const step = Math.max(10, stepSeconds(from, now, MOST_STEPS));
  // Each end counts: both ends of all connections of many hosts would take long to join, and it shows when something was.
  const parameters = { range: rangeBetween(from, now), step: `${step}s`, filter, ends: 'all' };
  return ask('series', parameters, { signal });
}
