/** The schema of reals that come from elsewhere. */
import { absolutePath, duration, port, prefix } from '@weir/config';
import { isAddress } from '@weir/ebpf/address';
import { z } from 'zod';
import { MAX_WEIGHT } from '../limits.js';

/** Names of hosts and services: labels of DNS, which may begin with `_`. */
const dnsName = z
  .string()
  .max(253)
  .regex(
    /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.?$/,
    {
      error: 'a name of DNS, such as web.example or _http._tcp.web.example',
    },
  );

/** The address and port of a server of DNS. */
export interface DnsServer {
  readonly address: string;
  readonly port: number;
}

const DNS_PORT = 53;

function dnsServerParts(text: string): DnsServer | undefined {
  if (isAddress(text)) return { address: text, port: DNS_PORT };
  const match = /^(?:\[([^\]]+)\]|([\d.]+)):(\d{1,5})$/.exec(text);
  const address = match?.[1] ?? match?.[2] ?? '';
  const number = Number(match?.[3]);
  return isAddress(address) && number >= 1 && number <= 65_535 ? { address, port: number } : undefined;
}

const dnsServer = z
  .string()
  .refine((text) => dnsServerParts(text) !== undefined, {
    error: 'expected an address, such as 192.0.2.53, 127.0.0.1:8600 or [2001:db8::53]:53',
  })
  .transform((text) => dnsServerParts(text)!);

/** Types of records that name reals. */
export const dnsTypes = ['A', 'AAAA', 'SRV'] as const;

const dns = z.strictObject({
  name: dnsName.describe('The name that is asked for.'),
  type: z
    .enum(dnsTypes)
    .default('A')
    .describe('A: IPv4 addresses. AAAA: IPv6 addresses. SRV: servers with ports and weights. Default A.'),
  servers: z
    .array(dnsServer)
    .min(1)
    .max(8)
    .exactOptional()
    .describe('Servers of DNS, asked in this order. Default: those of /etc/resolv.conf.'),
});

const file = z.strictObject({
  path: absolutePath.describe(
    'A file with a line for each real: ADDRESS or ADDRESS:PORT, then weight=NUMBER.',
  ),
});

const fileSd = z.strictObject({
  path: absolutePath.describe("A file in the form of Prometheus' file_sd, JSON or YAML."),
});

/** The address of an API: a scheme, a host and a port, and nothing else. */
const apiUrl = z.string().regex(/^https?:\/\/[^\s/?#@]+\/?$/, {
  error: 'the address of an API, such as http://127.0.0.1:8500',
});

const tokenFile = absolutePath.exactOptional().describe('A file with a token, read for each request.');
const ca = absolutePath
  .exactOptional()
  .describe("A PEM file with the authorities that sign the server's certificate. Default: Node.js's.");

/** Names of services in Consul and Kubernetes, as parts of a path. */
const serviceName = z.string().regex(/^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$/, {
  error: 'letters, digits, and between them . _ -',
});

const consul = z.strictObject({
  service: serviceName.describe('The service, whose instances that pass their checks are the reals.'),
  url: apiUrl.default('http://127.0.0.1:8500').describe('The agent. Default http://127.0.0.1:8500.'),
  tag: serviceName.exactOptional().describe('Only instances with this tag.'),
  datacenter: serviceName.exactOptional().describe("Default: the agent's."),
  tokenFile,
  ca,
});

const kubernetes = z.strictObject({
  service: serviceName.describe('The Service, whose ready endpoints are the reals.'),
  namespace: serviceName.default('default').describe('Its namespace. Default default.'),
  portName: serviceName
    .exactOptional()
    .describe('The name of its port, where it has several. Default: the first port.'),
  server: apiUrl
    .exactOptional()
    .describe('The API server. Default: that of the cluster of which this is a pod.'),
  tokenFile,
  ca,
});

const kinds = { dns, file, fileSd, consul, kubernetes } as const;

/** Names of the kinds of sources. */
export const sourceKinds = Object.keys(kinds) as readonly (keyof typeof kinds)[];

const from = z
  .strictObject({
    dns: dns.exactOptional().describe('Records of DNS, asked for again when they expire.'),
    file: file.exactOptional().describe('A list in a file, which is watched.'),
    fileSd: fileSd.exactOptional().describe("A file in the form of Prometheus' file_sd, which is watched."),
    consul: consul.exactOptional().describe('Healthy instances of a service of Consul.'),
    kubernetes: kubernetes.exactOptional().describe('Ready endpoints of a Service of Kubernetes.'),
  })
  .refine((value) => Object.keys(value).length === 1, {
    error: `expected one of ${sourceKinds.join(', ')}`,
  });

/** A number of reals, or a share of those that there are. */
export type Portion = { readonly count: number } | { readonly percent: number };

function portionOf(text: number | string): Portion | undefined {
  if (typeof text === 'number') return Number.isInteger(text) && text >= 1 ? { count: text } : undefined;
  const percent = Number(/^(\d{1,3})%$/.exec(text)?.[1]);
  return percent >= 1 && percent <= 100 ? { percent } : undefined;
}

const portion = z
  .union([z.int(), z.string()])
  .refine((text) => portionOf(text) !== undefined, {
    error: 'expected a number of reals, or a share such as 50%',
  })
  .transform((text) => portionOf(text)!);

/** A time that may be 0. */
const timeUpTo = (most: number, words: string) =>
  z.union([
    z.literal(0),
    duration.refine((ms) => ms <= most, { error: `expected a time of ${words} at most` }),
  ]);

/** Reals that come from elsewhere. */
export const sourceSchema = z.strictObject({
  from: from.describe('Where they come from: one of dns, file, fileSd, consul, kubernetes.'),
  port: port.exactOptional().describe("With forwarding: nat: the servers' port, instead of the source's."),
  weight: z
    .int()
    .min(0)
    .max(MAX_WEIGHT)
    .default(1)
    .describe('The weight of reals for which the source has none. Default 1.'),
  within: z
    .array(prefix)
    .min(1)
    .max(64)
    .exactOptional()
    .describe('Prefixes in which the reals must be; others are left out. Default: all.'),
  delay: timeUpTo(600_000, '10m')
    .default(2000)
    .describe('Time for which a difference must last before it counts. Default 2s.'),
  maxRemovals: portion
    .default({ percent: 50 })
    .describe(
      'How many reals leave at once, as a number or a share; others follow after the delay. Default 50%.',
    ),
  drain: timeUpTo(86_400_000, '24h')
    .default(60_000)
    .describe('Time for which a real that left keeps its flows, and gets no new ones. Default 1m.'),
  allowEmpty: z
    .boolean()
    .default(false)
    .describe('Whether an answer without any real counts. Default: the source counts as gone.'),
});

/** Where the reals of a VIP come from. Times are milliseconds. */
export type SourceConfig = z.output<typeof sourceSchema>;
/** The name of a kind of source. */
export type SourceKind = (typeof sourceKinds)[number];

/** The kind of a source. */
export function kindOf({ from }: SourceConfig): SourceKind {
  return sourceKinds.find((kind) => from[kind] !== undefined)!;
}

/** What a source is called in messages: `dns web.example`. */
export function sourceLabel(source: SourceConfig): string {
  const { dns, file, fileSd, consul, kubernetes } = source.from;
  const name =
    dns?.name ??
    (file ?? fileSd)?.path ??
    consul?.service ??
    (kubernetes === undefined ? '' : `${kubernetes.namespace}/${kubernetes.service}`);
  return `${kindOf(source)} ${name}`;
}
