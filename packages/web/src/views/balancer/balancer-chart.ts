/** Traffic of VIPs and reals as charts. Pure. */
import type { BalancerSeries, BalancerSeriesAnswer } from '../../api/balancer-types.js';
import { type Span, spansOf } from '../../chart/steps.js';
import type { ChartContent, ChartSeries } from '../../chart/uplot-options.js';
import { parseApiTime } from '../../format/time-text.js';

const colors = ['--series-1', '--series-2', '--series-3', '--series-4', '--series-5', '--series-6'] as const;
/** A step of which less is known says nothing. */
const LEAST_PART = 0.1;

/** The most lines of a chart. */
export const MOST_LINES = colors.length;

/** Packets and bytes a second in a range, as far as they are known; undefined: nothing is. */
export function meanRates({ points }: BalancerSeries) {
  const seconds = points.reduce((sum, point) => sum + point.seconds, 0);
  if (seconds === 0) return undefined;
  const mean = (of: (point: BalancerSeries['points'][number]) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / seconds;
  return { packets: mean(({ packets }) => packets), bytes: mean(({ bytes }) => bytes) };
}

/** A chart of packets a second. @param labelOf Names a series */
export function chartOf(
  { range: asked, unrecorded, step_seconds: step, series }: BalancerSeriesAnswer,
  labelOf: (series: BalancerSeries) => string,
  format: (value: number) => string,
): ChartContent {
  const range = spansOf([asked])[0]!;
  const times = timesOf(range, step);
  return {
    ...{ range, times, format, stepSeconds: step, lost: [], unrecorded: spansOf(unrecorded) },
    series: distinct(series.slice(0, MOST_LINES), labelOf).map(([label, each], index) => ({
      ...{ label, color: colors[index]!, kind: 'line' as const },
      values: valuesOf(each, times, step),
    })),
  };
}

function timesOf({ from, to }: Span, step: number): number[] {
  const times: number[] = [];
  const stepMs = step * 1000;
  for (let time = Math.floor(from / stepMs) * stepMs; time < to; time += stepMs) times.push(time);
  return times;
}

/** In the order of their names, so that none changes its colour when another one is busier. Two of one name are two lines. */
function distinct(
  series: readonly BalancerSeries[],
  labelOf: (series: BalancerSeries) => string,
): [string, BalancerSeries][] {
  const seen = new Map<string, number>();
  const labelled = series.map((each) => [labelOf(each), each] as const);
  return labelled
    .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([label, each]) => {
      const count = (seen.get(label) ?? 0) + 1;
      seen.set(label, count);
      return [count === 1 ? label : `${label} (${count})`, each];
    });
}

function valuesOf({ points }: BalancerSeries, times: readonly number[], step: number): ChartSeries['values'] {
  const byTime = new Map(points.map((point) => [Math.round(parseApiTime(point.time) / 1000 / step), point]));
  return times.map((time) => {
    const point = byTime.get(Math.round(time / 1000 / step));
    return point === undefined || point.seconds < step * LEAST_PART ? null : point.packets / point.seconds;
  });
}
