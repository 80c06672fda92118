/** Prometheus' metrics as OpenTelemetry has them: a Prometheus that is sent them gives them the same names again. Pure. */
import { type Labels, labelValues, type Metric } from '@weir/balancer/metrics-text';
import type { Metric as OtlpMetric } from '../exporters/index.js';

/** By the ends of Prometheus' names. */
const units: Readonly<Record<string, string>> = { bytes: 'By', seconds: 's' };

type Attributes = Readonly<Record<string, string>>;

/** Makes points. What labels are made of is remembered for as long as they are in use. */
export class OtlpPoints {
  #attributes: ReadonlyMap<Labels, Attributes> = new Map();

  /** @param prefix The beginning of all names, as for `renderMetrics()`. */
  of(prefix: string, families: readonly Metric[]): OtlpMetric[] {
    const known = this.#attributes;
    const used = new Map<Labels, Attributes>();
    const attributesOf = (labels: Labels): Attributes => {
      const attributes = used.get(labels) ?? known.get(labels) ?? valuesOf(labels);
      used.set(labels, attributes);
      return attributes;
    };
    const metrics = families.map((family): OtlpMetric => {
      const head = { ...namesOf(prefix, family), description: family.help };
      if (family.type !== 'histogram') {
        const points = Array.from(family.samples, ([labels, value]) => ({
          attributes: attributesOf(labels),
          value,
        }));
        return { ...head, kind: family.type, points };
      }
      const points = Array.from(family.samples, ([labels, { buckets, sum }]) => ({
        attributes: attributesOf(labels),
        bounds: family.bounds,
        counts: Array.from(buckets),
        sum,
      }));
      return { ...head, kind: 'histogram', points };
    });
    this.#attributes = used;
    return metrics;
  }
}

function namesOf(prefix: string, { name, type }: Metric): { readonly name: string; readonly unit: string } {
  const words = `${prefix}${type === 'counter' ? name.replace(/_total$/, '') : name}`.split('_');
  const unit = units[words.at(-1)!];
  return { name: (unit === undefined ? words : words.slice(0, -1)).join('.'), unit: unit ?? '' };
}

/** A label without a value is none. */
function valuesOf(labels: Labels): Attributes {
  return Object.fromEntries(Object.entries(labelValues(labels)).filter(([, value]) => value !== ''));
}
