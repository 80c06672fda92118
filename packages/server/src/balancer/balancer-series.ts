/** What VIPs and reals moved, step by step. Pure. */
import type { SeenBalancer } from '../wire/balancer-messages.js';
import type { MovedSpan, MsSpan } from './balancer-history.js';

/** What is asked. */
export interface BalancerSeriesQuery {
  readonly range: MsSpan;
  readonly stepMs: number;
  /** A series for each VIP, or for each real of each VIP. */
  readonly by: 'vip' | 'real';
  readonly balancer?: string;
  readonly vip?: string;
  readonly limit: number;
}

/** A step. */
export interface BalancerPoint {
  /** Its beginning, milliseconds since 1970. */
  readonly at: number;
  /** The time in it of which is known what was moved. */
  ms: number;
  packets: number;
  bytes: number;
}

/** What one VIP or real moved. */
export interface BalancerSeries {
  readonly balancer: string;
  readonly vip: string;
  readonly real?: string;
  readonly address?: string;
  readonly points: readonly BalancerPoint[];
}

/** The series of a range, the largest first. */
export interface BalancerSeriesList {
  readonly series: readonly BalancerSeries[];
  /** How many there are, of which the largest are in the list. */
  readonly count: number;
  /** Spans of the range of which it is known what was moved, in order. */
  readonly known: readonly MsSpan[];
}

interface Sums extends Omit<BalancerSeries, 'points'> {
  readonly steps: Map<number, BalancerPoint>;
  bytes: number;
}

/** Adds up what was moved. */
export async function balancerSeries(
  spans: AsyncIterable<MovedSpan>,
  query: BalancerSeriesQuery,
): Promise<BalancerSeriesList> {
  const all = new Map<string, Sums>();
  const known: MsSpan[] = [];
  for await (const { state, line } of spans) {
    if (query.balancer !== undefined && query.balancer !== state.name) continue;
    known.push({ from: line.at - line.ms, to: line.at });
    const moved = query.by === 'vip' ? line.vips : line.reals;
    for (const [index, key] of keysOf(state, query.by).entries()) {
      if (query.vip !== undefined && query.vip !== key.vip) continue;
      const text = JSON.stringify(Object.values(key));
      const sums = all.get(text) ?? { ...key, steps: new Map(), bytes: 0 };
      all.set(text, sums);
      add(sums, line, [moved[2 * index] ?? 0, moved[2 * index + 1] ?? 0], query);
    }
  }
  const sorted = [...all.values()].sort((a, b) => b.bytes - a.bytes);
  const series = sorted.slice(0, query.limit).map(({ steps, bytes: _, ...key }) => ({
    ...key,
    points: [...steps.values()].sort((a, b) => a.at - b.at),
  }));
  return { series, count: sorted.length, known: union(known, query.range) };
}

function keysOf({ name: balancer, vips }: SeenBalancer, by: 'vip' | 'real') {
  if (by === 'vip') return vips.map(({ name: vip }) => ({ balancer, vip }));
  return vips.flatMap(({ name: vip, reals }) =>
    reals.map(({ name: real, address }) => ({ balancer, vip, real, address })),
  );
}

/** A span that lies in two steps or only partly in the range counts in each by its part of the time. */
function add(
  sums: Sums,
  { at, ms }: MovedSpan['line'],
  [packets, bytes]: readonly [number, number],
  { range, stepMs }: BalancerSeriesQuery,
): void {
  const from = Math.max(at - ms, range.from);
  const to = Math.min(at, range.to);
  for (let step = Math.floor(from / stepMs) * stepMs; step < to; step += stepMs) {
    const inStep = Math.min(to, step + stepMs) - Math.max(from, step);
    const part = inStep / ms;
    const point = sums.steps.get(step) ?? { at: step, ms: 0, packets: 0, bytes: 0 };
    sums.steps.set(step, point);
    point.ms += inStep;
    point.packets += packets * part;
    point.bytes += bytes * part;
    sums.bytes += bytes * part;
  }
}

/** Spans without overlaps, within a range. */
function union(spans: readonly MsSpan[], range: MsSpan): MsSpan[] {
  const result: { from: number; to: number }[] = [];
  for (const span of [...spans].sort((a, b) => a.from - b.from)) {
    const from = Math.max(span.from, range.from);
    const to = Math.min(span.to, range.to);
    const last = result.at(-1);
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to);
    else if (to > from) result.push({ from, to });
  }
  return result;
}

/** So much lies between two looks, and behind the last one. */
const LEAST_GAP_MS = 15_000;

/** The spans of a range that are not among some, without those that are too short to say anything. */
export function gapsBetween(known: readonly MsSpan[], { from, to }: MsSpan): MsSpan[] {
  const gaps: MsSpan[] = [];
  let end = from;
  for (const span of [...known, { from: to, to }]) {
    if (span.from - end >= LEAST_GAP_MS) gaps.push({ from: end, to: span.from });
    end = Math.max(end, span.to);
  }
  return gaps;
}
