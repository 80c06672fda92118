/** The metrics of what leaves the server by itself: exporters, and the shipping to ClickHouse. Pure. */
import { type Labels, labels, type Metric, noLabels } from '@weir/balancer/metrics-text';
import type { ShippingStatus } from '@weir/history/clickhouse';
import type { ExporterStatus } from '../exporters/index.js';

/** How it goes. */
export interface DeliveryFigures {
  readonly exporters: readonly ExporterStatus[];
  /** Absent where nothing is shipped. */
  readonly shipping?: ShippingStatus;
}

/** What is counted of the records of an exporter. */
const recordCounts = {
  sent: 'that the receiver has, as far as the protocol says so',
  dropped: 'for which there was no room, or no time at the end',
  refused: 'that the receiver has refused for good, or that are too large',
  repeated: 'that were sent once more, as it was not known whether they had arrived',
} as const;

/** Metrics of both, each name once; none where there are neither. */
export function deliveryFamilies({ exporters, shipping }: DeliveryFigures): Metric[] {
  return [
    ...(exporters.length === 0 ? [] : exporterFamilies(exporters)),
    ...(shipping === undefined ? [] : shippingFamilies(shipping)),
  ];
}

function exporterFamilies(exporters: readonly ExporterStatus[]): Metric[] {
  const of = ({ name, type }: ExporterStatus, more: Readonly<Record<string, string>> = {}) =>
    labels({ exporter: name, type, ...more });
  const sendMetrics = exporters.filter(({ metrics }) => metrics !== undefined);
  return [
    ...(Object.keys(recordCounts) as (keyof typeof recordCounts)[]).map(
      (count): Metric => ({
        name: `exporter_${count}_records_total`,
        help: `Records ${recordCounts[count]}, by exporter.`,
        type: 'counter',
        samples: exporters.map((exporter) => [of(exporter), exporter[count]]),
      }),
    ),
    {
      name: 'exporter_waiting_records',
      help: 'Records that wait to be sent, by exporter.',
      type: 'gauge',
      samples: exporters.map((exporter) => [of(exporter), exporter.waiting]),
    },
    {
      name: 'exporter_failing',
      help: 'Whether the receiver takes no records, or no metrics, now: 1 or 0, by exporter.',
      type: 'gauge',
      samples: [
        ...exporters.map((exporter): [Labels, number] => [
          of(exporter, { signal: 'records' }),
          Number(exporter.problem !== undefined),
        ]),
        ...sendMetrics.map((exporter): [Labels, number] => [
          of(exporter, { signal: 'metrics' }),
          Number(exporter.metrics!.problem !== undefined),
        ]),
      ],
    },
    ...(sendMetrics.length === 0 ? [] : [metricRequests(sendMetrics, of)]),
  ];
}

function metricRequests(
  exporters: readonly ExporterStatus[],
  of: (exporter: ExporterStatus, more: Readonly<Record<string, string>>) => Labels,
): Metric {
  return {
    name: 'exporter_metric_requests_total',
    help: 'Requests with metrics, by exporter and by whether they were taken.',
    type: 'counter',
    samples: exporters.flatMap((exporter): [Labels, number][] => [
      [of(exporter, { outcome: 'sent' }), exporter.metrics!.sent],
      [of(exporter, { outcome: 'failed' }), exporter.metrics!.failed],
    ]),
  };
}

function shippingFamilies({ waiting, shipped, lostRows, lastMs, problem }: ShippingStatus): Metric[] {
  const one = (type: 'gauge' | 'counter', name: string, help: string, value: number): Metric => ({
    ...{ name: `shipping_${name}`, help, type, samples: [[noLabels, value]] },
  });
  return [
    one(
      'counter',
      'shipped_records_total',
      'Records that ClickHouse has, since this server began.',
      shipped.rows,
    ),
    one(
      'counter',
      'lost_records_total',
      'Records that were removed from this host before ClickHouse had them.',
      lostRows,
    ),
    one('gauge', 'waiting_records', 'Records of full hours that ClickHouse does not have yet.', waiting.rows),
    one('gauge', 'waiting_segments', 'Files with these.', waiting.segments),
    one('gauge', 'failing', 'Whether ClickHouse takes nothing now: 1 or 0.', Number(problem !== undefined)),
    ...(lastMs === undefined
      ? []
      : [
          one(
            'gauge',
            'last_success_timestamp_seconds',
            'When ClickHouse was last up to date with this host.',
            lastMs / 1000,
          ),
        ]),
  ];
}
