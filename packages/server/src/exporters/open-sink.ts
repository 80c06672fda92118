/** Makes what an exporter's configuration describes. */
import { statSync } from 'node:fs';
import { hostname } from 'node:os';
import { OptionError } from '@weir/ebpf/errors';
import { type ExporterConfig, type ExporterConfigOf, exporterName } from '../config/exporters-schema.js';
import { type Environment, readClientTls } from './client-tls.js';
import type { ExportedRecord } from './exported-record.js';
import { FileSink } from './lines/file-sink.js';
import { jsonLines } from './lines/json-lines.js';
import { StreamSink } from './lines/stream-sink.js';
import { loadOtlp, OtlpEncoder } from './otlp/otlp-encoder.js';
import { OtlpMetricSender } from './otlp/otlp-metrics.js';
import { otlpResource } from './otlp/otlp-resource.js';
import { metricInterval, otlpSettings, type Signal } from './otlp/otlp-settings.js';
import { OtlpLogSink } from './otlp/otlp-sink.js';
import { OtlpTransport } from './otlp/otlp-transport.js';
import { packetsOf, type Sink } from './packet.js';
import { DatagramSink, unixDatagrams } from './syslog/datagram-sink.js';
import { journalMessage } from './syslog/journal-message.js';
import { syslogSink } from './syslog/syslog-sinks.js';

/** Where exporters run. */
export interface ExporterSurroundings {
  readonly environment: Environment;
  /** Version of Weir. */
  readonly version: string;
}

/** Loads what exporters need, before a process becomes a user who may not read it. */
export async function loadExporters(configs: readonly ExporterConfig[]): Promise<void> {
  if (configs.some(({ type }) => type === 'otlp')) await loadOtlp();
}

/** Opens one. @throws OptionError, named after it, for files, variables and sockets that cannot be used */
export function openSink(config: ExporterConfig, surroundings: ExporterSurroundings): Promise<Sink> {
  return named(config, () => open(config, surroundings));
}

/** What sends metrics, and how often. */
export interface OpenedMetrics {
  readonly sender: OtlpMetricSender;
  /** Milliseconds. */
  readonly everyMs: number;
}

/** Opens what sends metrics to the receiver of an exporter; undefined where it gets none. @throws as {@link openSink} does */
export function openMetrics(
  config: ExporterConfigOf<'otlp'>,
  surroundings: ExporterSurroundings,
): Promise<OpenedMetrics | undefined> {
  return named(config, async () => {
    const everyMs = metricInterval(config.metrics, surroundings.environment);
    if (everyMs === undefined) return undefined;
    const { encoder, transport } = await otlpParts(config, surroundings, 'metrics');
    return { sender: new OtlpMetricSender(encoder, transport), everyMs };
  });
}

async function named<T>(config: ExporterConfig, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    throw new OptionError(`exporter ${exporterName(config)}: ${error.message}`, { cause: error });
  }
}

async function open(config: ExporterConfig, surroundings: ExporterSurroundings): Promise<Sink> {
  switch (config.type) {
    case 'otlp': {
      const { encoder, transport } = await otlpParts(config, surroundings, 'logs');
      return new OtlpLogSink(encoder, transport);
    }
    case 'tcp':
      return new StreamSink({ to: networkOf(config.to), tls: readClientTls(config.tls), encode: jsonLines });
    case 'file': {
      const { path, size: bytes, every: ageMs, files } = config;
      return new FileSink(path, { bytes, ageMs, files });
    }
    case 'syslog': {
      const head = { facility: config.facility, hostName: hostname() };
      return syslogSink(config.to, head, readClientTls(config.tls));
    }
    case 'journald':
      requireJournal(config.socket);
      return new DatagramSink(journalEntries, unixDatagrams(config.socket));
  }
}

async function otlpParts(
  config: ExporterConfigOf<'otlp'>,
  { environment, version }: ExporterSurroundings,
  signal: Signal,
) {
  const attributes = otlpResource(config.attributes, environment, version);
  const transport = new OtlpTransport(otlpSettings(config, environment, signal), version);
  return { encoder: new OtlpEncoder(await loadOtlp(), attributes, version), transport };
}

function networkOf(to: ExporterConfigOf<'tcp'>['to']) {
  if (to.kind === 'unix') throw new OptionError('tcp has no Unix sockets');
  return to;
}

function journalEntries(records: readonly ExportedRecord[]) {
  return { packets: packetsOf(records.map(journalMessage), (parts) => parts), unfit: 0 };
}

function requireJournal(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isSocket() === true) return;
  throw new OptionError(`${path} is no socket: systemd's journal does not run here; use syslog or file`);
}
