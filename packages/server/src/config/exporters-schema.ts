/** The schema of what `weir serve` sends elsewhere. */
import { absolutePath, bytes, duration, socketPath } from '@weir/config';
import { z } from 'zod';
import { destination } from './destination.js';

const HOUR_MS = 3_600_000;

/** Names and values of HTTP headers, as RFC 9110 has them. */
const headerName = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$/;

const common = {
  name: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{1,64}$/)
    .exactOptional()
    .describe('Its name in messages and in the status. Default: its type.'),
  filter: z
    .string()
    .min(1)
    .exactOptional()
    .describe('Only connections that meet this filter are sent, such as: event=fail. Default: all.'),
  queue: bytes
    .refine((size) => size >= 1e5 && size <= 1e9, { error: 'expected a size from 100kB to 1GB' })
    .default(32e6)
    .describe('Records that wait, in bytes as they are sent. What finds no room is dropped. Default 32MB.'),
};

const clientTls = z.strictObject({
  ca: absolutePath
    .exactOptional()
    .describe("A PEM file with the authorities that sign receivers. Default: Node.js's."),
  certificate: absolutePath.exactOptional().describe('A PEM file with a certificate of this host.'),
  key: absolutePath.exactOptional().describe('A PEM file with its private key.'),
  serverName: z
    .string()
    .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,253}$/)
    .exactOptional()
    .describe("The name in the receiver's certificate. Default: the one by which it is reached."),
});
const tls = clientTls.exactOptional().describe('Files for TLS, which are read again on SIGHUP.');

const secret = z
  .union([
    z.string(),
    z.strictObject({ file: absolutePath.describe('A file with the value.') }),
    z.strictObject({ env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/) }),
  ])
  .describe('A value; or {file: …} or {env: …}, which have it.');

const otlp = z.strictObject({
  type: z.literal('otlp').describe('OpenTelemetry: logs and metrics over HTTP, as protobuf.'),
  ...common,
  records: z.boolean().default(true).describe('Whether connections are sent, as logs. Default true.'),
  metrics: z
    .union([
      z.literal('off'),
      duration.refine((time) => time >= 1000, { error: 'expected a time of 1s at least, or off' }),
    ])
    .exactOptional()
    .describe('How often metrics are sent, or off. Default: OTEL_METRIC_EXPORT_INTERVAL, else 1m.'),
  endpoint: z
    .string()
    .regex(/^https?:\/\/[^\s?#]+$/)
    .exactOptional()
    .describe(
      'The URL before /v1/logs and /v1/metrics. Default: OTEL_EXPORTER_OTLP_ENDPOINT, else http://localhost:4318.',
    ),
  headers: z
    .record(z.string(), secret)
    .refine((headers) => Object.keys(headers).every((name) => headerName.test(name)), {
      error: 'expected names of headers, such as authorization',
    })
    .default({})
    .describe('Headers of each request, besides those of OTEL_EXPORTER_OTLP_HEADERS.'),
  attributes: z
    .record(z.string().min(1).max(256), z.string().max(4096))
    .default({})
    .describe('Attributes of the resource, besides those of OTEL_RESOURCE_ATTRIBUTES.'),
  compression: z
    .enum(['gzip', 'none'])
    .exactOptional()
    .describe('Default: OTEL_EXPORTER_OTLP_COMPRESSION, else gzip.'),
  timeout: duration
    .exactOptional()
    .describe('Time of a request. Default: OTEL_EXPORTER_OTLP_TIMEOUT, else 10s.'),
  tls,
});

const tcp = z.strictObject({
  type: z.literal('tcp').describe('JSON lines over TCP or TLS.'),
  ...common,
  to: destination(['tcp', 'tls'], 'tcp://logs.example:5170 or tls://logs.example:5171').describe(
    'The receiver: tcp://HOST:PORT or tls://HOST:PORT.',
  ),
  tls,
});

const file = z.strictObject({
  type: z.literal('file').describe('JSON lines in a file.'),
  ...common,
  path: absolutePath.describe('The file. Earlier ones have .1, .2 … behind its name.'),
  size: bytes
    .refine((size) => size >= 2e6, { error: 'expected a size of 2MB at least' })
    .default(1e8)
    .describe('A file is at most this large. Default 100MB.'),
  every: duration
    .refine((time) => time >= 1000, { error: 'expected a time of 1s at least' })
    .default(24 * HOUR_MS)
    .describe('A file is at most this long in use. Default 24h.'),
  files: z
    .int()
    .min(1)
    .max(1000)
    .default(10)
    .describe('Files that are kept, with the one in use. Default 10.'),
});

const syslog = z.strictObject({
  type: z.literal('syslog').describe('Syslog as RFC 5424 has it.'),
  ...common,
  to: destination(
    ['unix', 'udp', 'tcp', 'tls'],
    'unix:/dev/log, udp://, tcp:// or tls:// with a host and port',
  )
    .default({ kind: 'unix', path: '/dev/log' })
    .describe('unix:PATH, or udp://, tcp:// or tls:// before HOST:PORT. Default unix:/dev/log.'),
  facility: z
    .enum(['user', 'daemon', ...([0, 1, 2, 3, 4, 5, 6, 7] as const).map((n) => `local${n}` as const)])
    .default('daemon')
    .describe('Default daemon.'),
  tls,
});

const journald = z.strictObject({
  type: z.literal('journald').describe("systemd's journal, by its own protocol."),
  ...common,
  socket: socketPath
    .default('/run/systemd/journal/socket')
    .describe('Its socket. Default /run/systemd/journal/socket.'),
});

/** One exporter. */
export const exporterSchema = z.discriminatedUnion('type', [otlp, tcp, file, syslog, journald]);

/** One exporter, with its defaults. Times are milliseconds, sizes bytes. */
export type ExporterConfig = z.output<typeof exporterSchema>;
/** One exporter of a type. */
export type ExporterConfigOf<Type extends ExporterConfig['type']> = Extract<ExporterConfig, { type: Type }>;
/** Files for TLS towards a receiver. */
export type ClientTls = z.output<typeof clientTls>;
/** A value, or where it is. */
export type Secret = z.output<typeof secret>;

/** An exporter's name in messages and in the status. */
export function exporterName({ name, type }: ExporterConfig): string {
  return name ?? type;
}
