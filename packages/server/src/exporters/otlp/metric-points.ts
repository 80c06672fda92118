/** Metrics as whoever counts hands them over, and as OpenTelemetry's serializer takes them. Pure. */
import type { ResourceMetrics } from './otlp-encoder.js';
import { hrTimeOf } from './otlp-encoder.js';

/** A value of a metric. */
export interface MetricPoint {
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** A value of a histogram. */
export interface HistogramPoint {
  readonly attributes: Readonly<Record<string, string | number>>;
  /** Upper bounds of the buckets, ascending; the last bucket has none. */
  readonly bounds: readonly number[];
  /** Values in each bucket, not those below it: one more than there are bounds. */
  readonly counts: readonly number[];
  readonly sum: number;
}

interface MetricHead {
  /** As OpenTelemetry has them: `weir.connections`. */
  readonly name: string;
  readonly description: string;
  /** In UCUM: `By`, `s`, `{connection}`. */
  readonly unit: string;
}

/** A metric with its points. Counters and histograms are sums since a beginning. */
export type Metric = MetricHead &
  (
    | { readonly kind: 'counter' | 'gauge'; readonly points: readonly MetricPoint[] }
    | { readonly kind: 'histogram'; readonly points: readonly HistogramPoint[] }
  );

/** Metrics at a moment, nanoseconds since 1970. */
export interface MetricPoints {
  /** When counting began. */
  readonly sinceNs: bigint;
  readonly atNs: bigint;
  readonly metrics: readonly Metric[];
}

type MetricData = ResourceMetrics['scopeMetrics'][number]['metrics'][number];

/** Numbers of OpenTelemetry's SDK, whose enumerations are not loaded for them. */
const DOUBLE = 1;
const CUMULATIVE = 1;
const pointTypes = { histogram: 0, gauge: 2, counter: 3 } as const;

/** Points of a request at most: 400 kB or so before they are compressed. */
const MOST_POINTS = 2000;

/** The same points in requests of a bounded size. */
export function splitPoints(points: MetricPoints, most = MOST_POINTS): MetricPoints[] {
  const requests: Metric[][] = [];
  let room = 0;
  for (const metric of points.metrics) {
    for (let from = 0; from < metric.points.length; ) {
      if (room === 0) {
        requests.push([]);
        room = most;
      }
      const part = metric.points.slice(from, from + room);
      requests.at(-1)!.push({ ...metric, points: part } as Metric);
      from += part.length;
      room -= part.length;
    }
  }
  return requests.map((metrics) => ({ ...points, metrics }));
}

/** Metrics as the serializer takes them. */
export function metricData({ metrics, sinceNs, atNs }: MetricPoints): MetricData[] {
  const span = { startTime: hrTimeOf(sinceNs), endTime: hrTimeOf(atNs) };
  return metrics.map((metric) => {
    const { name, description, unit, kind } = metric;
    const points =
      metric.kind === 'histogram'
        ? metric.points.map((point) => ({
            ...{ ...span, attributes: point.attributes },
            value: histogramOf(point),
          }))
        : metric.points.map(({ attributes, value }) => ({ ...span, attributes, value }));
    const data = {
      descriptor: { name, description, unit, valueType: DOUBLE },
      aggregationTemporality: CUMULATIVE,
      dataPointType: pointTypes[kind],
      dataPoints: points,
      ...(kind === 'counter' && { isMonotonic: true }),
    };
    return data as unknown as MetricData;
  });
}

function histogramOf({ bounds, counts, sum }: HistogramPoint) {
  const count = counts.reduce((total, each) => total + each, 0);
  return { buckets: { boundaries: bounds, counts }, count, sum };
}
