/** Settings of an exporter by OTLP: its configuration, then OpenTelemetry's variables of the environment. */
import { OptionError } from '@weir/ebpf/errors';
import type { ClientTls, ExporterConfigOf } from '../../config/exporters-schema.js';
import { type Environment, readClientTls, readSecret, type TlsMaterial } from '../client-tls.js';

/** What is sent over OTLP. */
export type Signal = 'logs' | 'metrics';

/** What a transport is made with. */
export interface OtlpSettings {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly compresses: boolean;
  readonly timeoutMs: number;
  readonly tls: TlsMaterial;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_METRICS_MS = 60_000;
const DEFAULT_ENDPOINT = 'http://localhost:4318';

/** @throws OptionError for values that make no sense, and files that cannot be used */
export function otlpSettings(
  config: ExporterConfigOf<'otlp'>,
  environment: Environment,
  signal: Signal,
): OtlpSettings {
  /** The variable of the signal wins over that of all signals. */
  const variable = (name: string): string | undefined =>
    environment[`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_${name}`] ||
    environment[`OTEL_EXPORTER_OTLP_${name}`] ||
    undefined;
  const protocol = variable('PROTOCOL');
  if (protocol !== undefined && protocol !== 'http/protobuf' && config.endpoint === undefined)
    throw new OptionError(`OTEL_EXPORTER_OTLP_PROTOCOL: Weir speaks http/protobuf, not ${protocol}`);
  const headers = Object.entries(config.headers).map(([name, secret]) => [
    name.toLowerCase(),
    readSecret(`headers: ${name}`, secret, environment),
  ]);
  return {
    url: endpointUrl(config.endpoint, environment, signal),
    headers: { ...headersOf(variable('HEADERS')), ...Object.fromEntries(headers) },
    compresses: compresses(config.compression ?? variable('COMPRESSION')),
    timeoutMs: config.timeout ?? timeoutOf(variable('TIMEOUT')),
    tls: readClientTls(tlsPaths(config.tls, variable)),
  };
}

/** A variable of one signal is the whole URL; what is for all signals has the signal's path added. */
function endpointUrl(configured: string | undefined, environment: Environment, signal: Signal): URL {
  const own = environment[`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_ENDPOINT`];
  if (configured === undefined && own) return parseUrl(own);
  const base = configured ?? (environment.OTEL_EXPORTER_OTLP_ENDPOINT || DEFAULT_ENDPOINT);
  return parseUrl(`${base.replace(/\/+$/, '')}/v1/${signal}`);
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new OptionError('the endpoint of OTLP is no http:// or https:// URL');
  return url;
}

function compresses(value = 'gzip'): boolean {
  if (value !== 'gzip' && value !== 'none')
    throw new OptionError(`OTEL_EXPORTER_OTLP_COMPRESSION: expected gzip or none, not ${value}`);
  return value === 'gzip';
}

function timeoutOf(text: string | undefined): number {
  return milliseconds('OTEL_EXPORTER_OTLP_TIMEOUT', text) ?? DEFAULT_TIMEOUT_MS;
}

/** How often metrics are sent, milliseconds; undefined: never. @throws OptionError for a variable that makes no sense */
export function metricInterval(
  configured: ExporterConfigOf<'otlp'>['metrics'],
  environment: Environment,
): number | undefined {
  if (configured === 'off') return undefined;
  const variable = 'OTEL_METRIC_EXPORT_INTERVAL';
  return configured ?? milliseconds(variable, environment[variable] || undefined) ?? DEFAULT_METRICS_MS;
}

function milliseconds(variable: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 2 ** 31 - 1)
    throw new OptionError(`${variable}: expected milliseconds`);
  return value;
}

function tlsPaths(tls: ClientTls = {}, variable: (name: string) => string | undefined): ClientTls {
  const [ca, certificate, key] = [
    variable('CERTIFICATE'),
    variable('CLIENT_CERTIFICATE'),
    variable('CLIENT_KEY'),
  ];
  return {
    ...(ca !== undefined && { ca }),
    ...(certificate !== undefined && { certificate }),
    ...(key !== undefined && { key }),
    ...tls,
  };
}

function headersOf(text: string | undefined): Record<string, string> {
  const headers = pairsOf('OTEL_EXPORTER_OTLP_HEADERS', text);
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), readSecret(name, value, {})]),
  );
}

/** Pairs as W3C Baggage has them: `name=value,name=value`, with percent-encoded values. @throws OptionError */
export function pairsOf(variable: string, text = ''): Record<string, string> {
  const pairs = text
    .split(',')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '');
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      const name = pair.slice(0, Math.max(at, 0)).trim();
      if (name === '') throw new OptionError(`${variable}: expected name=value,name=value`);
      return [name, decoded(pair.slice(at + 1).trim())];
    }),
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
