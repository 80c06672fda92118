/** What a collector says of the balancers of its host, and what it is asked about them. Since protocol 2. Pure. */
import { z } from 'zod';

/** The first protocol that has these messages. */
export const BALANCERS_SINCE = 2;

/** More characters of a text are cut off. */
export const MOST_CHARACTERS = 200;
/** More balancers, VIPs and reals are left out, and counted. */
export const MOST_BALANCERS = 16;
export const MOST_VIPS = 1000;
export const MOST_REALS = 4000;

const text = z.string().max(MOST_CHARACTERS);
const port = z.int().min(0).max(65_535);
const count = z.number().min(0);
const weight = z.int().min(0);
const protocol = z.enum(['tcp', 'udp']);
const traffic = { packets: count, bytes: count };

/** A real of a VIP. */
export interface SeenReal {
  readonly name: string;
  readonly address: string;
  /** Where it is not the VIP's. */
  readonly port?: number;
  /** In the configuration. */
  readonly weight: number;
  /** In the ring; 0: it gets no new flows. */
  readonly ringWeight: number;
  /** Share of the ring, 0 to 1. */
  readonly share: number;
  /** Drained by hand. */
  readonly drained: boolean;
  /** Absent without a check. */
  readonly condition?: 'unknown' | 'up' | 'held' | 'down';
  /** The last check's finding. */
  readonly reason?: string;
  /** When the condition changed last, RFC 3339. */
  readonly since?: string;
  /** Since the start, in all VIPs together. */
  readonly packets: number;
  readonly bytes: number;
}

/** A VIP. */
export interface SeenVip {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
  readonly forwarding: 'tunnel' | 'direct' | 'nat';
  readonly state: 'unchecked' | 'unknown' | 'up' | 'down';
  /** Since the start. */
  readonly packets: number;
  readonly bytes: number;
  readonly reals: readonly SeenReal[];
}

/** Where the packets of the device went since the start. */
export interface SeenPackets {
  /** Sent on. */
  readonly tx: number;
  /** Left to the host. */
  readonly pass: number;
  readonly drop: number;
}

/** A balancer. Only the name of one that does not answer is known. */
export interface SeenBalancer {
  readonly name: string;
  /** Whether its process answers; where that has ended, the pinned programs forward on. */
  readonly running: boolean;
  readonly version?: string;
  readonly pid?: number;
  /** When the process started, RFC 3339. */
  readonly started?: string;
  /** `mode` is absent where the program is no longer attached. */
  readonly interfaces: readonly { readonly name: string; readonly mode?: 'native' | 'generic' }[];
  readonly packets?: SeenPackets;
  readonly vips: readonly SeenVip[];
  /** VIPs and reals for which there was no room. */
  readonly omitted: number;
}

/** All balancers of a host at a moment. */
export interface SeenBalancers {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly balancers: readonly SeenBalancer[];
}

const real: z.ZodType<SeenReal> = z.object({
  name: text,
  address: text,
  port: port.exactOptional(),
  weight,
  // An agent, or a slow start, may leave a real a part of its weight.
  ringWeight: z.number().min(0),
  share: z.number().min(0).max(1),
  drained: z.boolean(),
  condition: z.enum(['unknown', 'up', 'held', 'down']).exactOptional(),
  reason: text.exactOptional(),
  since: text.exactOptional(),
  ...traffic,
});

const vip: z.ZodType<SeenVip> = z.object({
  name: text,
  address: text,
  port,
  protocol,
  forwarding: z.enum(['tunnel', 'direct', 'nat']),
  state: z.enum(['unchecked', 'unknown', 'up', 'down']),
  ...traffic,
  reals: z.array(real).max(MOST_REALS),
});

/** A balancer, as it is sent and stored. */
export const seenBalancer: z.ZodType<SeenBalancer> = z.object({
  name: text,
  running: z.boolean(),
  version: text.exactOptional(),
  pid: z.int().min(0).exactOptional(),
  started: text.exactOptional(),
  interfaces: z.array(z.object({ name: text, mode: z.enum(['native', 'generic']).exactOptional() })).max(256),
  packets: z.object({ tx: count, pass: count, drop: count }).exactOptional(),
  vips: z.array(vip).max(MOST_VIPS),
  omitted: z.int().min(0),
});

/** The balancers of a host. */
export const seenBalancers: z.ZodType<SeenBalancers> = z.object({
  at: z.number(),
  balancers: z.array(seenBalancer).max(MOST_BALANCERS),
});

/** A flow of which is asked where its next packet goes. */
export interface LookupRequest {
  /** One for each question of a connection; the answer has the same. */
  readonly id: number;
  readonly balancer: string;
  readonly flow: {
    readonly source: string;
    readonly sourcePort: number;
    readonly destination: string;
    readonly destinationPort: number;
    readonly protocol: 'tcp' | 'udp';
  };
}

/** Asks about a flow. */
export const lookupRequest: z.ZodType<LookupRequest> = z.object({
  id: z.int().min(0),
  balancer: text,
  flow: z.object({
    source: text,
    sourcePort: port,
    destination: text,
    destinationPort: port,
    protocol,
  }),
});

/** Where the next packet of a flow goes. */
export interface FoundFlow {
  /** Action of XDP; `tx`: sent on. */
  readonly verdict: string;
  /** What chose the real, or why there is none. */
  readonly reason: string;
  readonly vip?: string;
  readonly real?: { readonly name?: string; readonly address: string; readonly port?: number };
}

/** The answer to a question about a flow: what was found, or why nothing was. */
export interface LookupAnswer {
  readonly id: number;
  readonly found?: FoundFlow;
  readonly problem?: {
    /** `request`: the flow makes no sense. `missing`: no such balancer answers. */
    readonly kind: 'request' | 'missing' | 'failed';
    readonly message: string;
  };
}

/** Answers about a flow. */
export const lookupAnswer: z.ZodType<LookupAnswer> = z.object({
  id: z.int().min(0),
  found: z
    .object({
      verdict: text,
      reason: text,
      vip: text.exactOptional(),
      real: z
        .object({ name: text.exactOptional(), address: text, port: port.exactOptional() })
        .exactOptional(),
    })
    .exactOptional(),
  problem: z
    .object({ kind: z.enum(['request', 'missing', 'failed']), message: z.string().max(2000) })
    .exactOptional(),
});
