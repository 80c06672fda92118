/** The metrics of the server itself. Pure. */
import { labels, type Metric, noLabels } from '@weir/balancer/metrics-text';
import { tables } from '@weir/history/schema';
import { type DeliveryFigures, deliveryFamilies } from './delivery-families.js';
import type { HistoryFigures } from './history-figures.js';

/** What the server says about itself. */
export interface ServerFigures {
  /** Version of Weir. */
  readonly version: string;
  readonly collectors: number;
  /** Batches that were stored. */
  readonly batches: number;
  /** Rows that were stored, by table. */
  readonly rows: Readonly<Record<string, number>>;
  /** Up to here all events are in, nanoseconds since 1970. */
  readonly watermark: bigint | undefined;
  readonly readOnly: boolean;
  readonly delivery: DeliveryFigures;
  readonly history: Pick<HistoryFigures, 'status' | 'lost'>;
  readonly stream: { readonly clients: number; readonly dropped: number };
  readonly series: {
    readonly now: number;
    readonly limit: number;
    /** Rows of which something was counted beyond the limit. */
    readonly capped: number;
    /** Sets of labels that were removed because nothing used them. */
    readonly removed: number;
  };
}

/** Which version runs. */
export function buildFamily(version: string): Metric {
  return {
    name: 'build_info',
    help: 'The version of Weir; always 1.',
    type: 'gauge',
    samples: [[labels({ version }), 1]],
  };
}

/** A value without labels that goes up and down. */
export function gauge(name: string, help: string, value: number): Metric {
  return { name, help, type: 'gauge', samples: [[noLabels, value]] };
}

/** A sum without labels. */
export function counter(name: string, help: string, value: number): Metric {
  return { name, help, type: 'counter', samples: [[noLabels, value]] };
}

/** Metrics of the server, each name once. */
export function serverFamilies(figures: ServerFigures): Metric[] {
  const { version, collectors, watermark, readOnly, series, stream } = figures;
  return [
    buildFamily(version),
    gauge('collectors', 'Collectors that are connected.', collectors),
    ...lossFamilies(figures),
    ...storedFamilies(figures),
    ...(watermark === undefined
      ? []
      : [
          gauge(
            'history_complete_timestamp_seconds',
            'Up to this time all events are stored: its age is what waits.',
            Number(watermark / 1_000_000n) / 1000,
          ),
        ]),
    gauge('history_read_only', 'Whether the disk of the history can only be read: 1 or 0.', Number(readOnly)),
    ...diskFamilies(figures),
    ...deliveryFamilies(figures.delivery),
    gauge('stream_clients', 'Clients of the live stream.', stream.clients),
    counter(
      'stream_dropped_total',
      'Connections that clients of the live stream were too slow for.',
      stream.dropped,
    ),
    gauge('metrics_series', 'Series of connections.', series.now),
    gauge('metrics_series_limit', 'Series that connections may have.', series.limit),
    counter(
      'metrics_capped_records_total',
      'Records of which something was counted with the label value other, for there were too many series.',
      series.capped,
    ),
    counter(
      'metrics_expired_label_sets_total',
      'Sets of labels that were removed because nothing used them.',
      series.removed,
    ),
  ];
}

function lossFamilies({ history }: ServerFigures): Metric[] {
  const places = tables.losses.place.values!.map((place) => {
    const { losses = 0, records = 0 } = history.lost.get(place) ?? {};
    return { text: labels({ place }), losses, records };
  });
  return [
    {
      name: 'lost_records_total',
      help: 'Records that were lost, where it is known how many, by where.',
      type: 'counter',
      samples: places.map(({ text, records }) => [text, records]),
    },
    {
      name: 'losses_total',
      help: 'Spans in which something was lost, or nothing recorded, by where.',
      type: 'counter',
      samples: places.map(({ text, losses }) => [text, losses]),
    },
  ];
}

function storedFamilies({ batches, rows }: ServerFigures): Metric[] {
  return [
    counter('stored_batches_total', 'Batches of collectors that were stored.', batches),
    {
      name: 'stored_records_total',
      help: 'Records that were stored, by table.',
      type: 'counter',
      samples: Object.entries(rows).map(([table, count]) => [labels({ table }), count]),
    },
  ];
}

function diskFamilies({ history: { status } }: ServerFigures): Metric[] {
  if (status === undefined) return [];
  return [
    {
      name: 'history_size_bytes',
      help: 'Size of the history on its disk, by part.',
      type: 'gauge',
      samples: [
        [labels({ part: 'segments' }), status.segmentBytes],
        [labels({ part: 'database' }), status.databaseBytes],
      ],
    },
    gauge('history_free_bytes', 'Free bytes on the disk of the history.', status.freeBytes),
    gauge('history_segments', 'Segments of the history.', status.segments),
  ];
}

/** The metrics that many programs have by the same names. */
export function processFamilies(): Metric[] {
  const { user, system } = process.cpuUsage();
  return [
    counter('process_cpu_seconds_total', 'CPU time of the server.', (user + system) / 1e6),
    gauge('process_resident_memory_bytes', 'Resident memory of the server.', process.memoryUsage.rss()),
    gauge(
      'process_start_time_seconds',
      'When the server was started, seconds since 1970.',
      Math.round(performance.timeOrigin) / 1000,
    ),
  ];
}
