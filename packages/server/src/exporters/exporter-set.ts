/** All exporters of a server. */
import type { Batch } from '@weir/history/schema';
import { Services } from '@weir/tracer/enrich';
import { filterPredicate } from '@weir/tracer/filter';
import { type ExporterConfig, exporterName } from '../config/exporters-schema.js';
import { recordFilter } from '../config/record-filter.js';
import { ExportedRecord } from './exported-record.js';
import { Exporter, type ExporterStatus } from './exporter.js';
import { MetricExport, type MetricExportCounts } from './metric-export.js';
import { type ExporterSurroundings, type OpenedMetrics, openMetrics, openSink } from './open-sink.js';
import type { MetricPoints } from './otlp/metric-points.js';
import type { Sink } from './packet.js';

/** The time that exporters have for what waits when they end. */
const FLUSH_MS = 5_000;

interface Running {
  readonly exporter: Exporter;
  /** What packets that wait are made for: {@link formOf}. */
  readonly form: string;
  readonly takesRecords: boolean;
  readonly metrics: MetricExport | undefined;
}

/** What was opened of a configuration. */
interface Opened {
  readonly config: ExporterConfig;
  readonly sink: Sink;
  readonly metrics: OpenedMetrics | undefined;
}

/** Where exporters run, and what they send besides records. */
export interface SetSurroundings extends ExporterSurroundings {
  /** Absent: no metrics are sent. */
  readonly metrics?: () => Promise<MetricPoints>;
}

/** Exporters by name. */
export class ExporterSet implements AsyncDisposable {
  readonly #surroundings: SetSurroundings;
  readonly #say: (message: string) => void;
  readonly #services = Services.read();
  readonly #running = new Map<string, Running>();
  /** Earlier ones that still end. */
  #ending: Promise<unknown> = Promise.resolve();

  private constructor(surroundings: SetSurroundings, say: (message: string) => void) {
    this.#surroundings = surroundings;
    this.#say = say;
  }

  /** Starts all. @throws OptionError for files, variables and sockets that cannot be used */
  static async start(
    configs: readonly ExporterConfig[],
    surroundings: SetSurroundings,
    say: (message: string) => void,
  ): Promise<ExporterSet> {
    const set = new ExporterSet(surroundings, say);
    await set.update(configs);
    return set;
  }

  /** Takes a batch that was stored; never waits. */
  publish(batch: Batch): void {
    const takers = [...this.#running].filter(([, { takesRecords }]) => takesRecords);
    if (takers.length === 0) return;
    const records = ExportedRecord.of(batch);
    if (records.length === 0) return;
    for (const [name, { exporter }] of takers) {
      try {
        exporter.publish(records);
      } catch (error) {
        this.#say(`exporter ${name}: ${(error as Error).stack}`);
      }
    }
  }

  /** What they are, and have done. */
  get status(): ExporterStatus[] {
    return [...this.#running.values()].map(({ exporter, metrics }) => ({
      ...exporter.status,
      ...(metrics !== undefined && { metrics: metrics.counts }),
    }));
  }

  /**
   * Goes on with other configurations. An exporter with the same name that sends in the same form keeps what waits and what it has counted;
   * files are read anew. Others end in the background.
   *
   * @throws OptionError; then all is as before
   */
  async update(configs: readonly ExporterConfig[]): Promise<void> {
    const opened = await this.#open(configs);
    const kept = new Set<string>();
    const changes: Promise<void>[] = [];
    for (const { config, sink, metrics } of opened) {
      const name = exporterName(config);
      kept.add(name);
      const [earlier, form] = [this.#running.get(name), formOf(config)];
      const isSame = earlier?.form === form;
      if (earlier?.metrics !== undefined) changes.push(earlier.metrics.close(FLUSH_MS));
      if (isSame) changes.push(earlier.exporter.replace(sink, this.#wanted(config)));
      else if (earlier !== undefined) changes.push(earlier.exporter.close(FLUSH_MS));
      this.#running.set(name, {
        exporter: isSame ? earlier.exporter : this.#exporter(config, sink),
        form,
        takesRecords: config.type !== 'otlp' || config.records,
        metrics: metrics && this.#metricExport(name, metrics, isSame ? earlier.metrics?.counts : undefined),
      });
    }
    for (const [name, running] of [...this.#running]) {
      if (kept.has(name)) continue;
      this.#running.delete(name);
      changes.push(...closing(running));
    }
    this.#end(changes);
  }

  #end(changes: readonly Promise<void>[]): void {
    const ended = changes.map((change) =>
      change.catch((error: Error) => this.#say(`an exporter ended with an error: ${error.message}`)),
    );
    this.#ending = Promise.all([this.#ending, ...ended]);
  }

  #exporter(config: ExporterConfig, sink: Sink): Exporter {
    const { type, queue: queueBytes } = config;
    const [name, isWanted] = [exporterName(config), this.#wanted(config)];
    return new Exporter({ ...{ name, type, sink, queueBytes, isWanted }, say: this.#say });
  }

  #metricExport(name: string, opened: OpenedMetrics, earlier: MetricExportCounts | undefined): MetricExport {
    const say = (message: string) => this.#say(`exporter ${name}: metrics: ${message}`);
    return new MetricExport({ ...opened, read: this.#surroundings.metrics!, say, earlier });
  }

  async #open(configs: readonly ExporterConfig[]): Promise<Opened[]> {
    const opened: Opened[] = [];
    try {
      for (const config of configs) {
        const metrics =
          config.type === 'otlp' && this.#surroundings.metrics !== undefined
            ? await openMetrics(config, this.#surroundings)
            : undefined;
        try {
          opened.push({ config, sink: await openSink(config, this.#surroundings), metrics });
        } catch (error) {
          metrics?.sender[Symbol.dispose]();
          throw error;
        }
      }
      return opened;
    } catch (error) {
      for (const { metrics } of opened) metrics?.sender[Symbol.dispose]();
      await Promise.all(opened.map(({ sink }) => sink[Symbol.asyncDispose]()));
      throw error;
    }
  }

  #wanted({ filter }: ExporterConfig): (record: ExportedRecord) => boolean {
    if (filter === undefined) return () => true;
    const meets = filterPredicate(recordFilter(filter), { services: this.#services });
    return ({ connection }) => connection === undefined || meets(connection as Parameters<typeof meets>[0]);
  }

  /** Sends what waits, for five seconds at most. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end([...this.#running.values()].flatMap(closing));
    await this.#ending;
  }
}

function closing({ exporter, metrics }: Running): Promise<void>[] {
  return [exporter.close(FLUSH_MS), ...(metrics === undefined ? [] : [metrics.close(FLUSH_MS)])];
}

/** Packets that wait can only be sent by a sink of the same form. */
function formOf(config: ExporterConfig): string {
  const { type, queue } = config;
  const more =
    type === 'otlp'
      ? config.compression
      : type === 'syslog' && (config.to.kind === 'tcp' || config.to.kind === 'tls');
  return JSON.stringify([type, queue, more]);
}
