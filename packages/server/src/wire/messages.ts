/** The frames with JSON, and how they are checked. Keys that are not known are left out: a newer peer may send more. Pure. */
import { FormatError } from '@weir/ebpf/errors';
import { z } from 'zod';
import { lookupAnswer, lookupRequest, seenBalancers } from './balancer-messages.js';
import type { Frame, FrameName } from './frame.js';

const MAX_EPOCHS = 256;
const version = z.string().max(64);
/** A run of a collector. */
const epoch = z.string().regex(/^[0-9a-f]{32}$/);
const batchNumber = z.int().min(0);
const reason = z.string().max(4096);
const protocolNumber = z.int().min(1).max(65_535);

const line = z.string().max(1024);
/** What a collector sees, and what it does not. */
export interface CollectorView {
  readonly hooks: {
    /** What it is for, such as `process that accepts`. */
    readonly purpose: string;
    /** Absent where there is none. */
    readonly hook?: string;
    /** What it cannot see, a sentence each. */
    readonly blind: string[];
  }[];
  /** Details of processes and peers that are not to be had. */
  readonly problems: string[];
}

const view: z.ZodType<CollectorView> = z.object({
  hooks: z
    .array(z.object({ purpose: line, hook: line.exactOptional(), blind: z.array(line).max(8) }))
    .max(64),
  problems: z.array(line).max(8),
});

const schemas = {
  hello: z.object({
    /** The protocols that the collector speaks, from the least to the most. */
    protocols: z.tuple([protocolNumber, protocolNumber]),
    /** Version of Weir. */
    version,
    /** Version of the history's tables, as the collector writes them. */
    schema: z.int().min(1),
    epochs: z.array(epoch).max(MAX_EPOCHS),
    view: view.exactOptional(),
  }),
  welcome: z.object({
    protocol: protocolNumber,
    version,
    /** The last number of each epoch that is stored. */
    stored: z.record(epoch, batchNumber),
  }),
  refusal: z.object({ version, message: reason }),
  ack: z.object({ epoch, number: batchNumber }),
  /** It concerns the first batch that is not acknowledged: they are answered in their order. */
  rejection: z.object({ message: reason }),
  goodbye: z.object({ message: reason }),
  balancers: seenBalancers,
  lookup: lookupRequest,
  found: lookupAnswer,
} as const satisfies Readonly<Record<Exclude<FrameName, 'batch'>, z.ZodType>>;

/** The frames with JSON, by name. */
export type Messages = { readonly [Name in keyof typeof schemas]: z.output<(typeof schemas)[Name]> };

/** Reads a frame with JSON. @throws FormatError if it is no JSON, or not of that form. */
export function readMessage<Name extends keyof Messages>(name: Name, payload: Buffer): Messages[Name] {
  let value: unknown;
  try {
    value = JSON.parse(payload.toString('utf8'));
  } catch (error) {
    throw new FormatError(`frame ${name}: ${(error as Error).message}`);
  }
  const { data, error } = schemas[name].safeParse(value);
  if (error !== undefined) {
    const [issue] = error.issues;
    throw new FormatError(`frame ${name}: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  return data as Messages[Name];
}

/** Reads a frame that must be of one type. @throws FormatError */
export function expectMessage<Name extends keyof Messages>(name: Name, frame: Frame): Messages[Name] {
  if (frame.name !== name) throw new FormatError(`frame ${frame.name} where ${name} was expected`);
  return readMessage(name, frame.payload);
}
