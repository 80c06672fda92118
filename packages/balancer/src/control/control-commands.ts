/**
 * The commands of a running balancer: who may give them, what they are about, and what they answer. The control sockets take the roles from
 * here, the API its routes, checks and OpenAPI document, and the remote client its requests.
 */
import { address } from '@weir/config';
import { z } from 'zod';
import { appliedAnswer, drainAnswer, lookupAnswer, statusAnswer } from './answer-schemas.js';
import type { BalancerRole } from './command-roles.js';
import type { CallName, Calls, LineCallName, LineCalls } from './protocol.js';

/** A command. Its path in the API is its name. */
export interface CommandDescription<Name extends CallName> {
  readonly summary: string;
  readonly role: BalancerRole;
  /** `get` for what changes nothing: the request is in the query then, numbers as digits and lists with commas. */
  readonly method: 'get' | 'post';
  /** What is asked for over the API. */
  readonly request: z.ZodType<Calls[Name]['body']>;
  /** The request's JSON for a body of the protocol, where they are not the same. */
  readonly toRequest?: (body: Calls[Name]['body']) => object;
  readonly answer: z.ZodType;
  /** The longest body, bytes. Default 1,000,000. */
  readonly maxBody?: number;
}

/** Rates are not taken over longer times, milliseconds: a request would wait for that. */
const MOST_OVER_MS = 60_000;
/** A thousand VIPs of ten reals with checks have 3 MB. */
const MOST_FILE_BYTES = 8_000_000;

const port = z.int().min(0).max(65_535);
const vip = z.string().max(256).describe('Name, ADDRESS:PORT/PROTOCOL, or address.');
const real = z.string().max(256).describe('Name or address.');
const overMs = z
  .int()
  .min(0)
  .max(MOST_OVER_MS)
  .default(0)
  .describe('Time over which rates are taken, milliseconds. Default 0: no rates.');
const force = z.boolean().exactOptional().describe('Drain the last healthy real of the VIP, too.');

const flow = z.strictObject({
  source: address.describe("The client's address."),
  sourcePort: port,
  destination: address.describe('The address of a VIP.'),
  destinationPort: port,
  protocol: z.enum(['tcp', 'udp']).default('tcp'),
});

/** Fields that several requests have. */
export const requestFields = { vip, real, overMs } as const;

/** All commands by name. */
export const controlCommands: { readonly [Name in CallName]: CommandDescription<Name> } = {
  status: {
    summary: 'VIPs, reals, their traffic and health, and what was dropped.',
    role: 'read',
    method: 'get',
    request: z.strictObject({ overMs }),
    answer: statusAnswer,
  },
  lookup: {
    summary: "Where a flow's next packet goes, and why. Nothing is counted or remembered.",
    role: 'read',
    method: 'get',
    request: flow,
    answer: lookupAnswer,
  },
  drain: {
    summary: 'Lets no new flows of a VIP come to a real; known ones stay.',
    role: 'drain',
    method: 'post',
    request: z.strictObject({
      vip,
      real,
      drained: z.boolean().default(true).describe('False ends a drain. Default true.'),
      force,
    }),
    answer: drainAnswer,
  },
  apply: {
    summary:
      'Goes over to a configuration, as a whole or not at all. The body is the file (application/yaml), or JSON with it.',
    role: 'apply',
    method: 'post',
    request: z.strictObject({
      file: z.string().max(4096).default('config').describe('Its name in messages.'),
      text: z.string().describe('The file, YAML.'),
    }),
    answer: appliedAnswer,
    maxBody: MOST_FILE_BYTES,
  },
  deleteFlow: {
    summary: 'Removes a known flow; its next packet counts as one of a new flow.',
    role: 'drain',
    method: 'post',
    request: flow,
    answer: z.strictObject({ removed: z.int().describe("From how many CPUs' tables.") }),
  },
  stop: {
    summary: 'Ends the balancer, and forwarding.',
    role: 'apply',
    method: 'post',
    request: z
      .strictObject({
        keepForwarding: z
          .boolean()
          .default(false)
          .describe('Only the process ends, and packets are forwarded on. Default false.'),
      })
      .transform(({ keepForwarding }) => ({ detach: !keepForwarding })),
    toRequest: ({ detach }) => ({ keepForwarding: !detach }),
    answer: z.strictObject({}),
  },
};

/** A command that is answered with lines of JSON, as it goes on. */
export interface LineCommand<Name extends LineCallName> {
  readonly summary: string;
  readonly role: BalancerRole;
  /** As of other commands. */
  readonly method: 'get' | 'post';
  readonly request: z.ZodType<LineCalls[Name]>;
}

const ms = z.int().min(0);

/** These commands by name. */
export const lineCommands: { readonly [Name in LineCallName]: LineCommand<Name> } = {
  flows: {
    summary:
      'Known flows, or how many of which age, VIP and real. Lines have a flow, an analysis, progress, or an error; the last one has end.',
    role: 'read',
    method: 'get',
    request: z.strictObject({
      action: z.enum(['list', 'analyse']).default('list'),
      limit: z.int().min(1).exactOptional().describe('With list: ends after this many flows.'),
      vip: vip.exactOptional(),
      real: real.exactOptional(),
      source: z.string().max(64).exactOptional().describe('An address or a prefix.'),
      protocol: z.enum(['tcp', 'udp']).exactOptional(),
      olderMs: ms.exactOptional().describe('Not used for at least this time, milliseconds.'),
      youngerMs: ms.exactOptional().describe('Used within this time, milliseconds.'),
    }),
  },
  purge: {
    summary:
      'Removes the known flows of a real, or, with the role apply, of a whole VIP. Lines have progress or an error; the last one has end.',
    role: 'drain',
    method: 'post',
    request: z.strictObject({ vip, real: real.exactOptional() }),
  },
};
