/** The metrics of a server: what batches say, and what it says about itself, as one text. */
import { type Metric, renderMetrics } from '@weir/balancer/metrics-text';
import type { Batch, OpenRow, SegmentTable } from '@weir/history/schema';
import type { MetricPoints } from '../exporters/index.js';
import { decodeColumns } from '../wire/decode-batch.js';
import { BatchEncoder } from '../wire/encode-batch.js';
import { connectionFamilies } from './connection-families.js';
import { ConnectionMetrics, type ConnectionMetricsOptions } from './connection-metrics.js';
import type { HistoryFigures } from './history-figures.js';
import { OtlpPoints } from './otlp-points.js';
import { processFamilies, type ServerFigures, serverFamilies } from './server-families.js';

/** The beginning of all names. */
const PREFIX = 'weir_';
/** Several Prometheus servers ask for the same text at about the same time. */
const SAME_TEXT_MS = 1_000;

/** What the server knows besides batches. */
export type OtherFigures = Omit<ServerFigures, 'batches' | 'rows' | 'series' | 'history'>;

/** What metrics are made of. */
export interface ServerMetricsOptions {
  readonly metrics: ConnectionMetricsOptions;
  readonly history: Pick<HistoryFigures, 'refresh' | 'status' | 'lost'>;
  readonly others: () => OtherFigures;
}

/** Counts, and writes metrics. */
export class ServerMetrics {
  readonly #options: ServerMetricsOptions;
  readonly #connections: ConnectionMetrics;
  readonly #rows: Record<SegmentTable, number> = { ends: 0, intervals: 0, opens: 0 };
  readonly #points = new OtlpPoints();
  /** Counting begins. */
  readonly #sinceNs = wallNs();
  #batches = 0;
  #text = '';
  #writtenMs = Number.NEGATIVE_INFINITY;

  /** @throws OptionError for prefixes that are none */
  constructor(options: ServerMetricsOptions) {
    this.#options = options;
    this.#connections = new ConnectionMetrics(options.metrics);
  }

  /** Counts a batch that was stored. */
  add(batch: Batch): void {
    this.#batches++;
    for (const table of Object.keys(this.#rows) as SegmentTable[])
      this.#rows[table] += batch.columns?.[table]?.rows ?? 0;
    this.#connections.add(batch, performance.now());
  }

  /** Connections that an earlier server has left open: what was opened before is not counted when it ends. */
  addOpen(rows: readonly OpenRow[]): void {
    for (const host of new Set(rows.map(({ host_id }) => host_id))) {
      const encoder = new BatchEncoder();
      for (const row of rows) if (row.host_id === host) encoder.add('opens', row);
      const batch = {
        host_id: host,
        epoch: '0'.repeat(32),
        number: 1,
        started: 0n,
        time: 0n,
        monotonic_ns: 0,
      };
      const { columns } = decodeColumns(encoder.finish({ ...batch, goodbye: false }));
      if (columns?.opens !== undefined) this.#connections.addOpen(host, columns.opens, performance.now());
    }
  }

  /** The metrics as they are now, or were within the last second. */
  async text(): Promise<string> {
    await this.#options.history.refresh();
    const nowMs = performance.now();
    if (nowMs - this.#writtenMs >= SAME_TEXT_MS) {
      this.#text = this.#write(nowMs);
      this.#writtenMs = nowMs;
    }
    return this.#text;
  }

  /** The same metrics for OpenTelemetry. What each process has of itself is left to its own tools. */
  async points(): Promise<MetricPoints> {
    await this.#options.history.refresh();
    const metrics = this.#points.of(PREFIX, this.#families(performance.now()));
    return { sinceNs: this.#sinceNs, atNs: wallNs(), metrics };
  }

  #write(nowMs: number): string {
    return renderMetrics(PREFIX, this.#families(nowMs)) + renderMetrics('', processFamilies());
  }

  #families(nowMs: number): Metric[] {
    const { sets, capped } = this.#connections;
    const { metrics, history, others } = this.#options;
    sets.expire(nowMs);
    const series = { now: sets.series, limit: metrics.maxSeries, capped, removed: sets.removed };
    const figures = { ...others(), batches: this.#batches, rows: this.#rows, series, history };
    return [...connectionFamilies(sets), ...serverFamilies(figures)];
  }
}

/** Nanoseconds since 1970. */
function wallNs(): bigint {
  return BigInt(Math.round(1e3 * (performance.timeOrigin + performance.now()))) * 1_000n;
}
