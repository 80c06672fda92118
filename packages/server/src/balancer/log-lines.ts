/** The lines of the log of balancers, each a list in JSON that begins with its time. Pure. */
import { z } from 'zod';
import { type SeenBalancer, seenBalancer } from '../wire/balancer-messages.js';

/** What a balancer was from here on; undefined: there was none of that name any more. */
export interface StateLine {
  /** `carried`: it was so already; a file begins with it. */
  readonly kind: 'state' | 'carried';
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly name: string;
  readonly state: SeenBalancer | undefined;
}

/** What the VIPs and reals of the last state before moved in a span. */
export interface MinuteLine {
  readonly kind: 'minute';
  /** The end of the span, milliseconds since 1970. */
  readonly at: number;
  readonly name: string;
  /** Length of the span, milliseconds. */
  readonly ms: number;
  /** Packets and bytes of each VIP, in turn. */
  readonly vips: readonly number[];
  /** Packets and bytes of each real of each VIP, in turn. */
  readonly reals: readonly number[];
}

/** A line of the log. */
export type LogLine = StateLine | MinuteLine;

const at = z.number();
const sums = z.array(z.number().min(0));
const stateLine = z.tuple([at, z.enum(['state', 'carried']), z.string(), seenBalancer.nullable()]);
const minuteLine = z.tuple([at, z.literal('minute'), z.string(), z.number().min(0), sums, sums]);

/** A line as the file has it. */
export function formatLine(line: LogLine): string {
  const { at, kind, name } = line;
  const rest = line.kind === 'minute' ? [line.ms, line.vips, line.reals] : [line.state ?? null];
  return `${JSON.stringify([at, kind, name, ...rest])}\n`;
}

/** The time and the kind of a line, without reading all of it; undefined for what is no line. */
export function headOf(text: string): { readonly at: number; readonly kind: LogLine['kind'] } | undefined {
  const [, at, kind] = /^\[(\d{1,16}(?:\.\d+)?),"(state|carried|minute)",/.exec(text) ?? [];
  return at === undefined ? undefined : { at: Number(at), kind: kind as LogLine['kind'] };
}

/** A line of a file; undefined for a damaged one, such as the last one before a crash. */
export function parseLine(text: string): LogLine | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const state = stateLine.safeParse(value).data;
  if (state !== undefined) {
    const [at, kind, name, found] = state;
    return { kind, at, name, state: found ?? undefined };
  }
  const minute = minuteLine.safeParse(value).data;
  if (minute === undefined) return undefined;
  const [time, kind, name, ms, vips, reals] = minute;
  return { kind, at: time, name, ms, vips, reals };
}
