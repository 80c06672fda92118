/** The schema of a configuration file: the one source of its types, its checks, and the schema for editors. */
import {
  absolutePath,
  address,
  address4,
  address6,
  age,
  duration,
  listen,
  port,
  prefix,
  socketPath,
} from '@weir/config';
import { z } from 'zod';
import { Limit } from '../generated/balancer.js';
import {
  DEFAULT_GUE_PORT,
  DEFAULT_NAT_PORTS,
  DEFAULT_UDP_IDLE_SECONDS,
  MAX_CPU,
  MAX_NAT_SOURCES,
  MAX_SERVER_ID,
  MAX_WEIGHT,
  natSeconds,
  ranges,
} from '../limits.js';
import type { NatOptions } from '../nat/nat-options.js';
import type { BalancerOptions } from '../options.js';
import { forwardings, serviceFlags, vipName } from '../service.js';
import { apiSchema } from './api-schema.js';
import { name, router, servicePort, statuses } from './fields.js';
import { type SourceConfig, sourceSchema } from './source-schema.js';
import { syncSchema } from './sync-schema.js';

const protocol = z.enum(['tcp', 'udp']);

const command = z
  .array(z.string())
  .min(1)
  .transform((words) => words as [string, ...string[]]);

const common = {
  port: port.exactOptional().describe("The port that is checked. Default: the real's, else the VIP's."),
  interval: duration.default(5000).describe('Time from one check to the next: 500ms, 5s, 1m. Default 5s.'),
  timeout: duration
    .default(2000)
    .describe('Time within which the real must answer; at most the interval. Default 2s.'),
  rise: z
    .int()
    .min(1)
    .max(100)
    .default(2)
    .describe('Good results in a row after which a real is up. Default 2.'),
  fall: z
    .int()
    .min(1)
    .max(100)
    .default(3)
    .describe('Bad results in a row after which a real is down. Default 3.'),
  slowStart: duration
    .refine((ms) => ms <= 3_600_000, { error: 'expected a time of 1h at most' })
    .exactOptional()
    .describe(
      'Time over which a real that was down gets its weight again, from a tenth of it. Default: at once.',
    ),
};

const overConnection = {
  ...common,
  tunnel: z
    .boolean()
    .default(false)
    .describe(
      "Whether checks go to the VIP's address as clients' packets do: through the real's tunnel, or with forwarding direct by its MAC address.",
    ),
};

const host = z
  .string()
  .regex(/^[!-~]+$/, { error: 'a host, in plain letters without blanks' })
  .exactOptional()
  .describe("The Host header and TLS server name. Default: the VIP's address and port.");

const http = {
  ...overConnection,
  path: z
    .string()
    .regex(/^\/[!-~]*$/, { error: 'a path that begins with /, in plain letters without blanks' })
    .default('/')
    .describe('The path that is requested. Default /.'),
  host,
  status: statuses
    .default([{ from: 200, to: 399 }])
    .describe('Good statuses: 200, 200-399, or a list. Default 200-399.'),
};

const warnExpiry = age
  .prefault('14d')
  .describe('Time before a certificate expires from which that is reported. Default 14d.');

const checkSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('tcp').describe('The real must accept a connection.'),
    ...overConnection,
  }),
  z.strictObject({
    type: z
      .literal('tls')
      .describe('The real must complete the handshake of TLS; certificates are not verified.'),
    ...overConnection,
    host,
    warnExpiry,
  }),
  z.strictObject({ type: z.literal('http').describe('The real must answer a GET.'), ...http }),
  z.strictObject({
    type: z.literal('https').describe('The same over TLS; certificates are not verified.'),
    ...http,
    warnExpiry,
  }),
  z.strictObject({
    type: z.literal('grpc').describe("The real's health service (grpc.health.v1) must say that it serves."),
    ...overConnection,
    service: z
      .string()
      .regex(/^[!-~]{0,256}$/, { error: 'the name of a service, in plain letters without blanks' })
      .exactOptional()
      .describe('The service that is asked about. Default: the server as a whole.'),
    tls: z.boolean().default(false).describe('Whether the call goes over TLS. Default false.'),
    host,
    warnExpiry,
  }),
  z.strictObject({
    type: z.literal('script').describe('A command must end with status 0.'),
    ...common,
    command: command.describe('The program and its arguments; no shell reads them.'),
  }),
]);

const agentSchema = z.strictObject({
  port: port.describe("The agent's port on each real."),
  interval: duration.default(2000).describe('Time from one question to the next. Default 2s.'),
  timeout: duration.exactOptional().describe('Time within which it must answer. Default: the interval.'),
  send: z
    .string()
    .regex(/^[ -~]{0,256}$/, { error: 'plain letters' })
    .exactOptional()
    .describe('What is sent to it, with a line break behind. Default: nothing.'),
});

const realSchema = z
  .strictObject({
    name: name
      .exactOptional()
      .describe('The name of the real. Default: its address, and its port if it has one.'),
    address: address.describe(
      'The address of the tunnel end; with forwarding direct or nat, that of the server.',
    ),
    weight: z
      .int()
      .min(0)
      .max(MAX_WEIGHT)
      .default(1)
      .describe('Share of new flows; with 0 the real keeps its flows and gets no new ones. Default 1.'),
    port: port.exactOptional().describe("With `forwarding: nat`: the server's port. Default: the VIP's."),
    local: z.boolean().default(false).describe('Whether the real is this host.'),
    down: z.boolean().default(false).describe('With the flag udpMigration: UDP flows leave this real.'),
  })
  .transform((real) => ({ ...real, name: real.name ?? realName(real) }));

type ListedReal = z.output<typeof realSchema>;

export function realName({ address, port }: { readonly address: string; readonly port?: number }): string {
  if (port === undefined) return address;
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

export const vipSchema = z
  .strictObject({
    name: name.exactOptional().describe('The name of the VIP. Default: ADDRESS:PORT/PROTOCOL.'),
    address: prefix.describe('An address, or a prefix such as 192.0.2.0/24.'),
    port: servicePort.describe('A port; 0 for all ports that no other VIP has.'),
    protocol,
    flags: z
      .array(z.enum(serviceFlags))
      .default([])
      .describe('How flows are distinguished and reals are chosen.'),
    ringVersion: z
      .literal([1, 2])
      .exactOptional()
      .describe('1 only in ECMP groups with balancers that use it. Default 2.'),
    forwarding: z
      .enum(forwardings)
      .default('tunnel')
      .describe(
        'tunnel: reals answer clients directly. direct: so do they, without a tunnel, on a network of this host. ' +
          'nat: both directions go through the balancer.',
      ),
    reals: z
      .union([z.array(realSchema).min(1), sourceSchema])
      .describe('The servers: a list, or where they come from.'),
    check: checkSchema
      .exactOptional()
      .describe('The health check of the reals. Without it, all count as up.'),
    agent: agentSchema
      .exactOptional()
      .describe("An agent on each real, which changes its weight, in the words of HAProxy's agent-check."),
    onChange: command.exactOptional().describe('As outside of VIPs, for this VIP.'),
  })
  .transform(({ reals, ...vip }) => ({
    ...vip,
    name: vip.name ?? vipName(vip),
    ...splitReals(reals),
  }));

/** Reals that come from elsewhere are not known from the file alone. */
function splitReals(reals: readonly ListedReal[] | SourceConfig): {
  readonly reals: readonly ListedReal[];
  readonly source?: SourceConfig;
} {
  return 'from' in reals ? { reals: [], source: reals } : { reals };
}

function count(name: keyof typeof ranges, description: string) {
  const { least, most, default: usual } = ranges[name];
  return z.int().min(least).max(most).exactOptional().describe(`${description} Default ${usual}.`);
}

/** Options of a balancer that are elsewhere in the file, or on the command line. */
type PlacedOption =
  | (
      | 'interface'
      | 'interfaces'
      | 'mode'
      | 'chain'
      | 'routerMac'
      | 'router'
      | 'routerInterface'
      | 'gue'
      | 'gre'
      | 'nat'
      | 'syncFlows'
    )
  | ('pin' | 'pinRoot' | 'forgetFlows' | 'callsNext');

const optionsSchema = z.strictObject({
  maxFrame: count('maxFrame', 'Longest frame that is forwarded, bytes.'),
  icmpMtu: count('icmpMtu', 'MTU that ICMP answers to longer ones name; 0: no answers.'),
  tcpServerIds: z.boolean().exactOptional().describe('Whether server ids in TCP options count.'),
  inlineDecapsulation: z
    .boolean()
    .exactOptional()
    .describe('Whether outer headers of packets to tunnelEnds are removed first.'),
  hashMaxVips: count('hashMaxVips', 'MAX_VIPS of the Katran instances in the same ECMP group.'),
  flows: count('flows', 'Number of flows that all CPUs together remember, 43 bytes each.'),
  flowAddresses: z
    .boolean()
    .exactOptional()
    .describe(
      'Whether IPv6 flows are listed with their addresses, 64 bytes for each of flows. Default true.',
    ),
  fallbackFlows: count('fallbackFlows', 'Number of flows that CPUs without their own table remember.'),
  cpus: z
    .array(z.int().min(0).max(MAX_CPU))
    .min(1)
    .exactOptional()
    .describe('CPUs that forward. Default: all that are online.'),
  newFlowLimit: count('newFlowLimit', 'Number of new flows that a CPU remembers in a second.'),
  udpIdleSeconds: z
    .number()
    .min(0.02)
    .max(2 ** 24)
    .exactOptional()
    .describe(`Idle time after which a UDP flow ends. Default ${DEFAULT_UDP_IDLE_SECONDS}.`),
  maxReals: count('maxReals', 'One more than the largest number of reals.'),
  maxServerIds: count('maxServerIds', 'The largest number of server ids.'),
  maxSourceRoutes: count('maxSourceRoutes', 'The largest number of source routes.'),
  maxGlobalFlows: count('maxGlobalFlows', 'The largest number of global flows.'),
} satisfies Record<Exclude<keyof BalancerOptions, PlacedOption>, z.ZodType>);

/** Keys of the file that are options of a balancer, and stand under another key. */
export const configKeys: { readonly options: readonly string[] } = {
  options: Object.keys(optionsSchema.shape),
};

const gueSchema = z.strictObject({
  source4: address4.exactOptional().describe('Source address in outer headers to reals with IPv4.'),
  source6: address6.exactOptional().describe('Source address in outer headers to reals with IPv6.'),
  port: port.exactOptional().describe(`Destination port. Default ${DEFAULT_GUE_PORT}.`),
});

function seconds(name: keyof typeof natSeconds, description: string) {
  const time = z
    .number()
    .min(0.1)
    .max(2 ** 23)
    .exactOptional();
  return time.describe(`${description} Default ${natSeconds[name]}.`);
}

const natSchema = z
  .strictObject({
    sources: z
      .array(address)
      .min(1)
      .max(MAX_NAT_SOURCES)
      .describe('Addresses of the balancer itself, from which it sends to reals.'),
    ports: z
      .tuple([port, port])
      .exactOptional()
      .describe(`First and last port on each source. Default [${DEFAULT_NAT_PORTS.join(', ')}].`),
    nextHop: z
      .enum(['route', 'router'])
      .exactOptional()
      .describe(
        "route: by the host's routes and neighbours. router: all reals are behind the router. Default route.",
      ),
    tcpIdleSeconds: seconds('tcpIdleSeconds', 'Idle time after which a TCP flow ends.'),
    tcpOpeningSeconds: seconds(
      'tcpOpeningSeconds',
      'Idle time of a TCP flow that the real has not answered.',
    ),
    tcpHalfClosedSeconds: seconds('tcpHalfClosedSeconds', "Idle time of a TCP flow after one side's FIN."),
    tcpClosedSeconds: seconds('tcpClosedSeconds', "Idle time after both sides' FIN, or a reset."),
    udpIdleSeconds: seconds('udpIdleSeconds', 'Idle time after which a UDP flow ends.'),
  } satisfies Record<keyof NatOptions, z.ZodType>)
  .refine(({ ports: [first, last] = [1, 1] }) => first <= last, {
    error: 'ports: the last port is below the first',
  });

/** A device with its own next hop. */
export interface DeviceConfig {
  readonly name: string;
  /** A MAC address, an IP address, or `auto`. Default: the next hop of the balancer. */
  readonly router?: string;
  /** The device that leads to it. Default: this device, or with the balancer's next hop the key routerInterface. */
  readonly routerInterface?: string;
}

/** The source of packets. */
interface DeviceChoice {
  readonly interface?: string;
  readonly interfaces?: readonly DeviceConfig[];
}

const device = z
  .string()
  .regex(/^[^\s/]{1,15}$/, { error: 'the name of a device, at most 15 characters without blanks and /' });

export const configSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[\w-]{1,64}$/, { error: 'at most 64 letters, digits, _ and -' })
      .exactOptional()
      .describe('The name of the balancer: letters, digits, _ and -. Default: its first interface.'),
    interface: device.exactOptional().describe('The device whose packets are balanced.'),
    interfaces: z
      .array(
        z.union([
          device.transform((name): DeviceConfig => ({ name })),
          z.strictObject({
            name: device,
            router: router.exactOptional().describe('Its next hop. Default: the key router outside.'),
            routerInterface: device
              .exactOptional()
              .describe(
                'The device that leads to it. Default: the key outside, or with its own router itself.',
              ),
          }),
        ]),
      )
      .min(1)
      .exactOptional()
      .describe(
        'Several devices, which share all tables; a packet leaves by the device through which it came in, or by routerInterface.',
      ),
    mode: z
      .enum(['native', 'generic'])
      .exactOptional()
      .describe('XDP in the driver, or in the network stack. Default: native where the driver can.'),
    chain: z
      .strictObject({
        map: absolutePath.describe('The path of its pinned program array.'),
        index: z.int().min(0).max(65_535).describe('The element in which the balancer is put.'),
      })
      .exactOptional()
      .describe('Instead of interfaces: another XDP program, which calls this balancer.'),
    router: router
      .default('auto')
      .describe(
        'Next hop: a MAC address, an address whose neighbour entry is followed, or auto: the default gateway.',
      ),
    routerInterface: device
      .exactOptional()
      .describe('The device that leads to the router. Default: the one through which a packet came in.'),
    encapsulation: z
      .union([z.enum(['ipip', 'gre']), z.strictObject({ gue: gueSchema })])
      .default('ipip')
      .describe(
        'ipip: IP in IP. gre: generic routing encapsulation, plain. gue: generic UDP encapsulation, variant 1. Default ipip.',
      ),
    nat: natSchema.exactOptional().describe('For VIPs with forwarding: nat.'),
    options: optionsSchema.default({}).describe('Options that are fixed when the balancer starts.'),
    vips: z.array(vipSchema).max(Limit.MAX_VIPS).describe('Virtual services, to which clients connect.'),
    serverIds: z
      .array(z.strictObject({ id: z.int().min(1).max(MAX_SERVER_ID), real: address }))
      .default([])
      .describe('Reals by the id in QUIC, TCP or stable UDP packets.'),
    sourceRoutes: z
      .array(z.strictObject({ prefix, real: address }))
      .default([])
      .describe('Reals for new flows from a prefix, for VIPs with the flag sourceRouting.'),
    tunnelEnds: z
      .array(address)
      .default([])
      .describe('Addresses of this host at which tunnels end; needs the option inlineDecapsulation.'),
    globalFlows: z
      .array(
        z.strictObject({
          source: address.describe('The address of the client.'),
          sourcePort: servicePort,
          destination: address.describe('An address of a VIP.'),
          destinationPort: servicePort,
          protocol,
          real: address,
        }),
      )
      .default([])
      .describe("Reals of flows that a CPU's table does not know, for VIPs with the flag globalFlows."),
    probes: z
      .strictObject({
        interfaces: z
          .array(device)
          .min(1)
          .exactOptional()
          .describe('Devices of the checks. Default: those of the balancer.'),
        source4: address4
          .exactOptional()
          .describe("IPv4 source. Default: GUE's, else the interface's address."),
        source6: address6
          .exactOptional()
          .describe("IPv6 source. Default: GUE's, else the interface's address."),
      })
      .default({})
      .describe('Devices and source addresses of checks through the tunnel.'),
    routes: z
      .strictObject({
        table: z
          .int()
          .min(1)
          .max(2 ** 32 - 1)
          .refine((table) => table < 253 || table > 255, { error: '253 to 255 belong to the kernel' })
          .describe('A routing table to which nothing else writes.'),
        type: z
          .enum(['blackhole', 'unicast', 'local'])
          .exactOptional()
          .describe('The type of the routes. Default blackhole.'),
      })
      .exactOptional()
      .describe('A route for each VIP that can be served, which a BGP daemon announces.'),
    onChange: command
      .exactOptional()
      .describe('A program and its arguments, run when a VIP can be served, and when it no longer can.'),
    sync: syncSchema.exactOptional().describe('Flows are shared with other balancers of the same VIPs.'),
    metrics: z
      .strictObject({ listen: listen.describe('The address of the server, such as 127.0.0.1:9435.') })
      .exactOptional()
      .describe('Metrics for Prometheus over HTTP.'),
    control: z
      .strictObject({
        socket: socketPath
          .exactOptional()
          .describe('The path of the socket. Default /run/weir/balance-NAME.sock.'),
        group: z
          .string()
          .min(1)
          .exactOptional()
          .describe('A group that may use it besides root, for everything.'),
        drainGroup: z
          .string()
          .min(1)
          .exactOptional()
          .describe('A group that may use another socket, beside it, for status, lookup and drain.'),
        readGroup: z
          .string()
          .min(1)
          .exactOptional()
          .describe('A group that may use another socket, beside it, for status and lookup.'),
      })
      .default({})
      .describe('The socket for apply, status, drain, lookup, capture and stop.'),
    api: apiSchema
      .exactOptional()
      .describe('The same over HTTP, for clients with a token. Without it, there is only the socket.'),
  })
  .transform((config) => ({ ...config, name: config.name ?? defaultName(config) }));

function defaultName({ interface: one, interfaces }: DeviceChoice): string {
  return (one ?? interfaces?.[0]?.name ?? 'balancer').replace(/[^\w-]/g, '-');
}

/**
 * A configuration: defaults are filled in. Times are milliseconds, or seconds where the name says so
 * (`udpIdleSeconds`).
 */
export type Config = z.output<typeof configSchema>;
/** A VIP of a configuration. */
export type VipConfig = Config['vips'][number];
/** A real of a VIP. */
export type RealConfig = VipConfig['reals'][number];
/** A VIP's health check; times are milliseconds. */
export type CheckConfig = NonNullable<VipConfig['check']>;
