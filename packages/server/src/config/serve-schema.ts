/** The schema of a configuration file of `weir serve`: the one source of its types, its checks, and the schema for editors. */
import { absolutePath, accepts, address, age, bytes, duration, listen, prefix } from '@weir/config';
import { checkLayout, defaultKeptDays, parseTarget } from '@weir/history/clickhouse/target';
import { checkTokenName } from '@weir/http/auth';
import { z } from 'zod';
import { geoSchema, kubernetesSchema, networksSchema } from '../naming/naming-schema.js';
import { exporterSchema } from './exporters-schema.js';
import { peersSchema } from './peers-schema.js';

const DAY_MS = 86_400_000;
/** So that an hour is shipped before the next one ends. */
const MOST_SPREAD_MS = 3_300_000;

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

const token = z.strictObject({
  name: z
    .string()
    .refine(accepts(checkTokenName), { error: 'expected letters, digits, _ . @ -, at most 63 together' })
    .describe('What it is called in the audit log.'),
  role: z.enum(['read', 'sql', 'admin']).default('read').describe('What it allows. Default read.'),
  file: absolutePath.describe(
    "A file with the token that the server's user can read: weir_ and 256 random bits in base64url.",
  ),
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

function keptDays(what: string, days: number) {
  return z.int().min(1).max(20_000).default(days).describe(`Days for ${what}. Default ${days}.`);
}

const keep = z.strictObject({
  ends: keptDays('rows of connections that ended', defaultKeptDays.ends),
  intervals: keptDays('what connections moved by the minute', defaultKeptDays.intervals),
  opens: keptDays('what was open', defaultKeptDays.opens),
  losses: keptDays('losses', defaultKeptDays.losses),
  minutes: keptDays('sums by the minute', defaultKeptDays.minutes),
  hours: keptDays('sums by the hour', defaultKeptDays.hours),
});

const store = z.strictObject({
  url: z
    .string()
    .max(1024)
    .superRefine((text, context) => {
      try {
        checkLayout(parseTarget(text));
      } catch (error) {
        context.addIssue((error as Error).message);
      }
    })
    .describe(
      'Where segments are shipped to: clickhouse://user@host:8123/database, or clickhouses:// for TLS.',
    ),
  passwordFile: absolutePath
    .exactOptional()
    .describe("A file with the password that the server's user can read. Default: WEIR_CLICKHOUSE_PASSWORD."),
  ca: absolutePath
    .exactOptional()
    .describe("A PEM file with the certificates that may sign ClickHouse's. Default: those of Node.js."),
  migrate: z
    .boolean()
    .default(true)
    .describe('Whether this host makes and changes the tables. Default true.'),
  cluster: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{1,63}$/)
    .exactOptional()
    .describe('A cluster of ClickHouse on whose hosts the tables are made.'),
  replicated: z.boolean().default(false).describe('Whether tables are replicated. Default false.'),
  distributed: z
    .boolean()
    .default(false)
    .describe("Whether rows are spread over the cluster's shards. Default false."),
  spread: duration
    .refine((time) => time <= MOST_SPREAD_MS, { error: 'expected a time of 55m at most' })
    .default(300_000)
    .describe(
      'An hour is shipped after a random part of this time, as the hours of all hosts end at once. Default 5m.',
    ),
  keep: keep
    .default(() => keep.parse({}))
    .describe('How long ClickHouse keeps rows, for tables that are made.'),
});

const read = z.strictObject({
  url: store.shape.url.describe(
    'The database that is read: clickhouse://user@host:8123/database, or clickhouses:// for TLS.',
  ),
  passwordFile: store.shape.passwordFile,
  ca: store.shape.ca,
});

/** Labels of metrics that can be chosen. */
export const metricLabels = ['process', 'unit', 'container', 'pod', 'namespace', 'peer', 'port'] as const;

/** Peers that are not elsewhere. */
const PRIVATE_PREFIXES = [
  ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16'],
  ...['fc00::/7', 'fe80::/10'],
];

const metrics = z.strictObject({
  labels: z
    .array(z.enum(metricLabels))
    .max(metricLabels.length)
    .refine((names) => new Set(names).size === names.length, { error: 'a label is there twice' })
    .default(['process', 'unit', 'container', 'pod', 'peer'])
    .describe('Labels besides direction and transport. Default: process, unit, container, pod, peer.'),
  addresses: z
    .array(prefix)
    .max(256)
    .default(PRIVATE_PREFIXES)
    .describe('Peers whose address is the label; others are external. Default: private and link-local ones.'),
  groups: z
    .record(z.string().min(1).max(64), z.array(prefix).min(1).max(256))
    .refine((groups) => Object.keys(groups).length <= 256, { error: 'expected 256 groups at most' })
    .default({})
    .describe('Names for peers by their prefixes, such as db: [10.1.2.0/24]. The longest prefix counts.'),
  maxSeries: z
    .int()
    .min(1_000)
    .max(1_000_000)
    .default(20_000)
    .describe('Series of connections; what is beyond has the label value other. Default 20000.'),
  idle: duration
    .refine((ms) => ms >= 60_000, { error: 'expected a time of 1m at least' })
    .default(3_600_000)
    .describe('When labels that no connection uses are removed. Default 1h.'),
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
  store: store.exactOptional().describe('A ClickHouse to which the history is shipped, too.'),
  read: read
    .exactOptional()
    .describe('A ClickHouse with the histories of many hosts, which is read; nothing is recorded then.'),
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
  tokens: z
    .array(token)
    .max(64)
    .default([])
    .describe('Tokens in files, which are read again when they change, besides those of weir serve token.'),
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
  peers: peersSchema
    .default([])
    .describe("Other hosts whose weir serve is asked, too: answers are those of all hosts' histories."),
  metrics: metrics.default(() => metrics.parse({})).describe('What Prometheus gets at /metrics.'),
  networks: networksSchema
    .default(() => networksSchema.parse({}))
    .describe('Names for the networks of peers, which rows have as peer_group.'),
  kubernetes: kubernetesSchema
    .exactOptional()
    .describe('The cluster whose Pods and Services have names, which rows have as peer_name.'),
  geo: geoSchema.default({}).describe('Files with countries and autonomous systems of public addresses.'),
});

/** A configuration of `weir serve`, with its defaults. Times are milliseconds, sizes bytes. */
export type ServeConfig = z.output<typeof serveSchema>;
