/**
 * Prometheus' text format, version 0.0.4.
 *
 * @module @weir/balancer/metrics-text
 */

/** Labels in the format's notation: `a="b",c="d"`. */
export type Labels = string & { readonly formatted: unique symbol };

/** A metric, of one value for each set of labels, or of a histogram for each. */
export type Metric = ValueMetric | HistogramMetric;

/** A metric with values. */
export interface ValueMetric {
  /** Counters end in `_total`. */
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly samples: Iterable<readonly [Labels, number]>;
}

/** A metric with histograms. */
export interface HistogramMetric {
  readonly name: string;
  readonly help: string;
  readonly type: 'histogram';
  /** The highest value of each bucket but the last one, ascending. */
  readonly bounds: readonly number[];
  readonly samples: Iterable<readonly [Labels, HistogramValue]>;
}

/** What a histogram has counted. */
export interface HistogramValue {
  /** Number of values in each bucket; the last one has those above all bounds. */
  readonly buckets: ArrayLike<number>;
  /** The sum of all values. */
  readonly sum: number;
}

/** The media type of the format. */
export const contentType = 'text/plain; version=0.0.4; charset=utf-8';

/** For a metric that has one value. */
export const noLabels = '' as Labels;

/** Labels by name, in this order. Values may be any text. */
export function labels(values: Readonly<Record<string, string | number>>): Labels {
  const parts = Object.entries(values).map(([name, value]) => `${name}="${escapeValue(String(value))}"`);
  return parts.join(',') as Labels;
}

/** Adds a label. */
export function withLabel(some: Labels, name: string, value: string): Labels {
  return `${some},${name}="${escapeValue(value)}"` as Labels;
}

/** What {@link labels} was made of; values are texts. */
export function labelValues(some: Labels): Record<string, string> {
  const found = some.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/gs);
  return Object.fromEntries([...found].map(([, name, value]) => [name!, unescapeValue(value!)]));
}

/** Writes metrics. @param prefix The beginning of all names. */
export function renderMetrics(prefix: string, metrics: Iterable<Metric>): string {
  const parts: string[] = [];
  for (const metric of metrics) {
    const name = `${prefix}${metric.name}`;
    parts.push(`# HELP ${name} ${metric.help}\n# TYPE ${name} ${metric.type}\n`);
    if (metric.type === 'histogram') addHistograms(parts, name, metric);
    else
      for (const [text, value] of metric.samples)
        parts.push(`${name}${text === '' ? '' : `{${text}}`} ${value}\n`);
  }
  return parts.join('');
}

function addHistograms(parts: string[], name: string, { bounds, samples }: HistogramMetric): void {
  const ends = [...bounds.map(String), '+Inf'].map((bound) => `le="${bound}"} `);
  for (const [text, { buckets, sum }] of samples) {
    const start = `${name}_bucket{${text === '' ? '' : `${text},`}`;
    let count = 0;
    for (let index = 0; index < ends.length; index++) {
      count += buckets[index]!;
      parts.push(`${start}${ends[index]}${count}\n`);
    }
    const labels = text === '' ? '' : `{${text}}`;
    parts.push(`${name}_sum${labels} ${sum}\n${name}_count${labels} ${count}\n`);
  }
}

function escapeValue(value: string): string {
  if (!/["\\\n]/.test(value)) return value;
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function unescapeValue(value: string): string {
  return value.replace(/\\(.)/gs, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
}
