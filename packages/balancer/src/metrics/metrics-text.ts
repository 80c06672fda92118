/** Prometheus' text format, version 0.0.4. */

/** Labels in the format's notation: `a="b",c="d"`. */
export type Labels = string & { readonly formatted: unique symbol };

export interface Metric {
  /** Counters end in `_total`. */
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly samples: Iterable<readonly [Labels, number]>;
}

export const contentType = 'text/plain; version=0.0.4; charset=utf-8';

export const noLabels = '' as Labels;

export function labels(values: Readonly<Record<string, string | number>>): Labels {
  const parts = Object.entries(values).map(([name, value]) => `${name}="${escapeValue(String(value))}"`);
  return parts.join(',') as Labels;
}

/** Adds a label. */
export function withLabel(some: Labels, name: string, value: string): Labels {
  return `${some},${name}="${escapeValue(value)}"` as Labels;
}

/** Writes metrics. @param prefix The beginning of all names. */
export function renderMetrics(prefix: string, metrics: Iterable<Metric>): string {
  const parts: string[] = [];
  for (const { name, help, type, samples } of metrics) {
    parts.push(`# HELP ${prefix}${name} ${help}\n# TYPE ${prefix}${name} ${type}\n`);
    for (const [text, value] of samples) {
      parts.push(`${prefix}${name}${text === '' ? '' : `{${text}}`} ${value}\n`);
    }
  }
  return parts.join('');
}

function escapeValue(value: string): string {
  if (!/["\\\n]/.test(value)) return value;
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
