/** The schema of a configuration file of `weir serve`: the one source of its types, its checks, and the schema for editors. */
import { absolutePath, address, age, bytes, duration, listen, prefix } from '@weir/config';
import { z } from 'zod';
import { exporterSchema } from './exporters-schema.js';

const DAY_MS = 86_400_000;

/** The address and port at which the API listens by default. */
export const DEFAULT_LISTEN = { host: '127.0.0.1', port: 9436 } as const;

const record = z.strictObject({
  filter: z
    .string()
    .min(1)
    .exactOptional()
    .describe('Only connections that meet this filter are recorded, such as: not port 22. Default: all.'),
  udp: z
    .boolean()
    .default(false)
    .describe('Whether UDP flows are recorded, which costs each datagram. Default false.'),
  enrichment: z
    .boolean()
    .default(true)
    .describe("Whether a process's program, arguments, container and unit are recorded. Default true."),
  names: z
    .boolean()
    .default(false)
    .describe("Whether names of peers' addresses are looked up by reverse DNS. Default false."),
  maxConnections: z
    .int()
    .min(1)
    .max(2 ** 24)
    .default(65_536)
    .describe('Connections that are followed at the same time. Default 65536.'),
});

const retention = z.strictObject({
  age: age.default(30 * DAY_MS).describe('Rows that are older are removed, an hour at a time. Default 30d.'),
  size: bytes
    .refine((size) => size >= 1e8, { error: 'expected a size of 100MB at least' })
    .default(1e10)
    .describe('When all files together are larger, the oldest hours are removed. Default 10GB.'),
});

const tls = z.strictObject({
  certificate: absolutePath.describe('A PEM file with the certificate and those that signed it.'),
  key: absolutePath.describe('A PEM file with its private key.'),
});

const proxy = z.strictObject({
  from: z.array(prefix).min(1).describe('Addresses of the proxy. The header of others is ignored.'),
  userHeader: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9-]{0,63}$/)
    .describe(
      'The header in which the proxy names the user whom it has authenticated, such as X-Remote-User.',
    ),
  role: z.enum(['read', 'sql', 'admin']).default('read').describe('What such users may do. Default read.'),
});

const limits = z.strictObject({
  rows: z.int().min(1).max(10_000_000).default(100_000).describe('Rows of an answer. Default 100000.'),
  time: duration.default(30_000).describe('Time of a query. Default 30s.'),
  queries: z.int().min(1).max(64).default(4).describe('Queries that run at the same time. Default 4.'),
  waiting: z.int().min(0).max(10_000).default(64).describe('Queries that wait for those. Default 64.'),
  streams: z.int().min(0).max(10_000).default(500).describe('Clients of the live stream. Default 500.'),
});

const hostName = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$/;

/** The schema of a configuration file. */
export const serveSchema = z.strictObject({
  folder: absolutePath.default('/var/lib/weir').describe('The folder of the history. Default /var/lib/weir.'),
  user: z
    .string()
    .regex(/^[a-z_][a-z0-9_-]{0,31}\$?$/)
    .exactOptional()
    .describe('The user as whom the server runs. Default: weir where there is one, else nobody.'),
  record: record.default(() => record.parse({})).describe('What is recorded.'),
  retention: retention
    .default(() => retention.parse({}))
    .describe('How long it is kept, whichever comes first.'),
  listen: z
    .array(listen)
    .min(1)
    .max(16)
    .default([DEFAULT_LISTEN])
    .describe('Addresses at which the API listens. Default 127.0.0.1:9436.'),
  tls: tls.exactOptional().describe('Files for HTTPS, which are read again on SIGHUP.'),
  insecure: z
    .boolean()
    .default(false)
    .describe(
      'Whether addresses beyond loopback may be listened at without a token or without TLS. Default false.',
    ),
  names: z
    .array(z.union([z.string().regex(hostName), address]))
    .max(64)
    .default([])
    .describe('Names by which clients call this server, besides its addresses and localhost.'),
  origins: z
    .array(z.string().regex(/^https?:\/\/[A-Za-z0-9.[\]:-]{1,255}$/))
    .max(64)
    .default([])
    .describe('Pages of other servers that may use the API, such as https://tools.example.'),
  proxy: proxy.exactOptional().describe('A proxy that authenticates users.'),
  limits: limits.default(() => limits.parse({})).describe('What requests may cost.'),
  exporters: z
    .array(exporterSchema)
    .max(16)
    .default([])
    .describe('Where each connection that ends is sent, besides the history.'),
});

/** A configuration of `weir serve`, with its defaults. Times are milliseconds, sizes bytes. */
export type ServeConfig = z.output<typeof serveSchema>;
