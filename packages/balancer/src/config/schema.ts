/** What a configuration file may say: the one source of its types, its checks, and the schema for editors. */
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
import { serviceFlags, vipName } from '../service.js';
import {
  absolutePath,
  address,
  address4,
  address6,
  duration,
  listen,
  name,
  port,
  prefix,
  router,
  servicePort,
  socketPath,
  statuses,
} from './fields.js';

const protocol = z.enum(['tcp', 'udp']);

const command = z
  .array(z.string())
  .min(1)
  .transform((words) => words as [string, ...string[]]);

const check = {
  port: port.exactOptional().describe("The port that is asked. Default: the real's, which is the VIP's."),
  interval: duration.default(5000).describe('From one probe to the next: 500ms, 5s, 1m. Default 5s.'),
  timeout: duration.default(2000).describe('How long an answer may take; at most the interval. Default 2s.'),
  rise: z
    .int()
    .min(1)
    .max(100)
    .default(2)
    .describe('Good answers in a row that make a real well. Default 2.'),
  fall: z.int().min(1).max(100).default(3).describe('Bad answers in a row that make a real fail. Default 3.'),
  tunnel: z
    .boolean()
    .default(false)
    .describe("Probes go to the VIP's address through the real's tunnel, as clients' packets do."),
};

const http = {
  ...check,
  path: z
    .string()
    .regex(/^\/[!-~]*$/)
    .default('/')
    .describe('What is asked for. Default /.'),
  host: z
    .string()
    .regex(/^[!-~]+$/)
    .exactOptional()
    .describe("The Host header, and the name for TLS. Default: the VIP's address and port."),
  status: statuses
    .default([{ from: 200, to: 399 }])
    .describe('Statuses that are good: 200, 200-399, or a list. Default 200-399.'),
};

const checkSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('tcp').describe('A connection is made.'), ...check }),
  z.strictObject({ type: z.literal('http').describe('A page is asked for.'), ...http }),
  z.strictObject({
    type: z.literal('https').describe('The same over TLS; certificates are not judged.'),
    ...http,
  }),
]);

const realSchema = z
  .strictObject({
    name: name.exactOptional().describe('Default: its address, and its port if it has one.'),
    address: address.describe('Where the tunnel ends; with NAT, where the server listens.'),
    weight: z
      .int()
      .min(0)
      .max(MAX_WEIGHT)
      .default(1)
      .describe('Share of new flows; 0 drains: known flows stay, no new ones come. Default 1.'),
    port: port.exactOptional().describe("With `forwarding: nat`: the server's port. Default: the VIP's."),
    local: z.boolean().default(false).describe('The real is this host.'),
    down: z.boolean().default(false).describe('With the flag udpMigration: its UDP flows go elsewhere.'),
  })
  .transform((real) => ({ ...real, name: real.name ?? realName(real) }));

function realName({ address, port }: { readonly address: string; readonly port?: number }): string {
  if (port === undefined) return address;
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

export const vipSchema = z
  .strictObject({
    name: name.exactOptional().describe('Default: ADDRESS:PORT/PROTOCOL.'),
    address: prefix.describe('An address, or a prefix such as 192.0.2.0/24.'),
    port: servicePort.describe('0: all ports that no other VIP has.'),
    protocol,
    flags: z
      .array(z.enum(serviceFlags))
      .default([])
      .describe('How flows are told apart and reals are chosen.'),
    ringVersion: z
      .literal([1, 2])
      .exactOptional()
      .describe('1 only beside balancers whose rings hardly follow weights. Default 2.'),
    forwarding: z
      .enum(['tunnel', 'nat'])
      .default('tunnel')
      .describe('tunnel: reals answer clients directly. nat: both directions go through the balancer.'),
    reals: z.array(realSchema).min(1),
    check: checkSchema.exactOptional().describe('How reals are watched. Without it, all count as well.'),
    onChange: command.exactOptional().describe('The same as outside VIPs, for this one instead.'),
  })
  .transform((vip) => ({ ...vip, name: vip.name ?? vipName(vip) }));

function count(name: keyof typeof ranges, description: string) {
  const { least, most, default: usual } = ranges[name];
  return z.int().min(least).max(most).exactOptional().describe(`${description} Default ${usual}.`);
}

/** Options of a balancer that have another place: in the file, or on the command line. */
type PlacedOption =
  | ('interface' | 'interfaces' | 'mode' | 'chain' | 'routerMac' | 'router' | 'gue' | 'nat')
  | ('pin' | 'pinRoot' | 'forgetFlows' | 'callsNext');

const optionsSchema = z.strictObject({
  maxFrame: count('maxFrame', 'Longest frame that is forwarded, bytes.'),
  icmpMtu: count('icmpMtu', 'MTU that ICMP answers to longer ones name; 0: no answers.'),
  tcpServerIds: z.boolean().exactOptional().describe('Server ids in TCP options are looked at.'),
  inlineDecapsulation: z
    .boolean()
    .exactOptional()
    .describe('What comes through a tunnel to one of tunnelEnds is unpacked first.'),
  flows: count('flows', 'Flows that are remembered, of all CPUs; 43 bytes each.'),
  fallbackFlows: count('fallbackFlows', 'The same for CPUs without a table of their own.'),
  cpus: z
    .array(z.int().min(0).max(MAX_CPU))
    .min(1)
    .exactOptional()
    .describe('CPUs that forward. Default: all that are online.'),
  newFlowLimit: count('newFlowLimit', 'New flows a CPU remembers in a second.'),
  udpIdleSeconds: z
    .number()
    .min(0.02)
    .max(2 ** 24)
    .exactOptional()
    .describe(`A UDP flow that was idle for longer is a new one. Default ${DEFAULT_UDP_IDLE_SECONDS}.`),
  maxReals: count('maxReals', 'One more than there can be reals at a time.'),
  maxServerIds: count('maxServerIds', 'Server ids that there is room for.'),
  maxSourceRoutes: count('maxSourceRoutes', 'Source routes that there is room for.'),
  maxGlobalFlows: count('maxGlobalFlows', 'Global flows that there is room for.'),
} satisfies Record<Exclude<keyof BalancerOptions, PlacedOption>, z.ZodType>);

const gueSchema = z.strictObject({
  source4: address4.exactOptional().describe('Outer source towards reals with IPv4.'),
  source6: address6.exactOptional().describe('Outer source towards reals with IPv6.'),
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
      .describe("Addresses of the balancer's own, from which reals are talked to."),
    ports: z
      .tuple([port, port])
      .exactOptional()
      .describe(`First and last port of each. Default [${DEFAULT_NAT_PORTS.join(', ')}].`),
    nextHop: z
      .enum(['route', 'router'])
      .exactOptional()
      .describe(
        "route: by the host's routes and neighbours. router: all reals are behind the router. Default route.",
      ),
    tcpIdleSeconds: seconds('tcpIdleSeconds', 'A TCP flow that was idle for longer is over.'),
    tcpOpeningSeconds: seconds('tcpOpeningSeconds', 'The same while the real has not answered.'),
    tcpHalfClosedSeconds: seconds('tcpHalfClosedSeconds', 'The same when one side is done.'),
    tcpClosedSeconds: seconds('tcpClosedSeconds', 'The same when both are, or one has aborted.'),
    udpIdleSeconds: seconds('udpIdleSeconds', 'The same for a UDP flow.'),
  } satisfies Record<keyof NatOptions, z.ZodType>)
  .refine(({ ports: [first, last] = [1, 1] }) => first <= last, {
    error: 'ports: the last is below the first',
  });

/** A device, with a next hop of its own. */
export interface DeviceConfig {
  readonly name: string;
  readonly router?: string;
}

/** Where packets come from. */
interface DeviceChoice {
  readonly interface?: string;
  readonly interfaces?: readonly DeviceConfig[];
}

const device = z.string().regex(/^[^\s/]{1,15}$/);

export const configSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[\w-]{1,64}$/)
      .exactOptional()
      .describe('What this balancer is called: letters, digits, _ and -. Default: its first interface.'),
    interface: device.exactOptional().describe('The device whose packets are balanced.'),
    interfaces: z
      .array(
        z.union([
          device.transform((name): DeviceConfig => ({ name })),
          z.strictObject({
            name: device,
            router: router.exactOptional().describe('Its next hop. Default: that of all.'),
          }),
        ]),
      )
      .min(1)
      .exactOptional()
      .describe('Several devices that share all tables; a packet leaves through the one that it came from.'),
    mode: z
      .enum(['native', 'generic'])
      .exactOptional()
      .describe('XDP in the driver, or in the network stack. Default: native where the driver can.'),
    chain: z
      .strictObject({
        map: absolutePath.describe('Where its program array is pinned.'),
        index: z.int().min(0).max(65_535).describe('Which of its elements becomes this balancer.'),
      })
      .exactOptional()
      .describe('Instead of interfaces: another XDP program, which calls this balancer.'),
    router: router
      .default('auto')
      .describe(
        'Next hop: a MAC address, an address whose neighbour entry is followed, or auto: the default gateway.',
      ),
    encapsulation: z
      .union([z.literal('ipip'), z.strictObject({ gue: gueSchema })])
      .default('ipip')
      .describe('ipip: IP in IP. gue: generic UDP encapsulation, variant 1. Default ipip.'),
    nat: natSchema.exactOptional().describe('For VIPs with forwarding: nat.'),
    options: optionsSchema.default({}).describe('Fixed from the start of the balancer on.'),
    vips: z.array(vipSchema).max(Limit.MAX_VIPS).describe('What clients connect to.'),
    serverIds: z
      .array(z.strictObject({ id: z.int().min(1).max(MAX_SERVER_ID), real: address }))
      .default([])
      .describe('Which real an id in QUIC, TCP or stable UDP packets means.'),
    sourceRoutes: z
      .array(z.strictObject({ prefix, real: address }))
      .default([])
      .describe('Where new flows from a prefix go, for VIPs with the flag sourceRouting.'),
    tunnelEnds: z
      .array(address)
      .default([])
      .describe('Addresses of this host where tunnels end; needs the option inlineDecapsulation.'),
    globalFlows: z
      .array(
        z.strictObject({
          source: address.describe('The client.'),
          sourcePort: servicePort,
          destination: address.describe('An address of a VIP.'),
          destinationPort: servicePort,
          protocol,
          real: address,
        }),
      )
      .default([])
      .describe("Flows that no CPU's table knows, for VIPs with the flag globalFlows."),
    probes: z
      .strictObject({
        interfaces: z.array(device).min(1).exactOptional().describe('Default: those of the balancer.'),
        source4: address4.exactOptional().describe("Default: of GUE, else the interface's address."),
        source6: address6.exactOptional().describe("Default: of GUE, else the interface's address."),
      })
      .default({})
      .describe('Through which devices, and from which address, checks go into tunnels.'),
    routes: z
      .strictObject({
        table: z
          .int()
          .min(1)
          .max(2 ** 32 - 1)
          .refine((table) => table < 253 || table > 255, { error: "253 to 255 are the kernel's own" })
          .describe('A routing table that nothing else writes to.'),
        type: z.enum(['blackhole', 'unicast', 'local']).exactOptional().describe('Default blackhole.'),
      })
      .exactOptional()
      .describe('A route a VIP while it can be served, for a BGP daemon to announce.'),
    onChange: command
      .exactOptional()
      .describe('A program and its arguments, run when a VIP can be served, and when no more.'),
    metrics: z
      .strictObject({ listen: listen.describe('ADDRESS:PORT, such as 127.0.0.1:9435.') })
      .exactOptional()
      .describe('Prometheus text over HTTP.'),
    control: z
      .strictObject({
        socket: socketPath.exactOptional().describe('Default /run/weir/balance-NAME.sock.'),
        group: z
          .string()
          .min(1)
          .exactOptional()
          .describe('A group that may use it, too. Default: root alone.'),
      })
      .default({})
      .describe('The socket for apply, status, drain, lookup, capture and stop.'),
  })
  .transform((config) => ({ ...config, name: config.name ?? defaultName(config) }));

function defaultName({ interface: one, interfaces }: DeviceChoice): string {
  return (one ?? interfaces?.[0]?.name ?? 'balancer').replace(/[^\w-]/g, '-');
}

/** What a file says: defaults are in place, times are milliseconds. */
export type Config = z.output<typeof configSchema>;
export type VipConfig = Config['vips'][number];
export type RealConfig = VipConfig['reals'][number];
export type CheckConfig = NonNullable<VipConfig['check']>;
