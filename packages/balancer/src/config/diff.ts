/** The changes from one configuration to another. */
import { isDeepStrictEqual } from 'node:util';
import { canonicalAddress, canonicalPrefix } from '@weir/ebpf/address';
import { serviceName } from '../service.js';
import { nextHop } from './convert.js';
import type { Config, VipConfig } from './schema.js';

/** A thing before and after a change; undefined where it does not exist. */
export interface FromTo<T> {
  readonly before: T | undefined;
  readonly after: T | undefined;
}

/** One change. With `before` and `after` exchanged it is its inverse. */
export type Change =
  | ({ readonly kind: 'router' } & FromTo<string>)
  | ({ readonly kind: 'vip' } & FromTo<VipConfig>)
  | ({ readonly kind: 'serverId'; readonly id: number } & FromTo<string>)
  | ({ readonly kind: 'sourceRoute'; readonly prefix: string } & FromTo<string>)
  | ({ readonly kind: 'tunnelEnd'; readonly address: string } & FromTo<true>)
  | ({ readonly kind: 'globalFlow'; readonly flow: Config['globalFlows'][number] } & FromTo<string>)
  | ({ readonly kind: 'onChange' } & FromTo<NonNullable<Config['onChange']>>)
  | ({ readonly kind: 'metrics' } & FromTo<NonNullable<Config['metrics']>>);

/** The difference between two configurations. */
export interface Difference {
  /** Differences that a running balancer cannot apply, by their keys. */
  readonly fixed: readonly string[];
  /** Changes, in the order in which they must be made. */
  readonly changes: readonly Change[];
}

/** Keys that are fixed when a balancer is opened. */
const fixedKeys = [
  'name',
  'interface',
  'interfaces',
  'mode',
  'chain',
  'routerInterface',
  'encapsulation',
  'nat',
  'probes',
  'routes',
  'sync',
  'control',
  'api',
] as const;

/** Compares two configurations. */
export function diff(before: Config, after: Config): Difference {
  const options = new Set([...Object.keys(before.options), ...Object.keys(after.options)]);
  const vips = entries(before.vips, after.vips, serviceName).map((step) => ({
    kind: 'vip' as const,
    ...step,
  }));
  return {
    fixed: [
      ...(before.router !== after.router && !(isMac(before) && isMac(after)) ? ['router'] : []),
      ...fixedKeys.filter((key) => !isDeepStrictEqual(before[key], after[key])),
      ...[...options]
        .filter((key) => !isDeepStrictEqual(option(before, key), option(after, key)))
        .map((key) => `options.${key}`),
    ],
    changes: [
      ...changed(before.router, after.router).map((step) => ({ kind: 'router' as const, ...step })),
      ...vips.filter(({ after: wanted }) => wanted !== undefined),
      ...entries(before.serverIds, after.serverIds, ({ id }) => String(id)).map((step) => ({
        kind: 'serverId' as const,
        id: either(step).id,
        ...reals(step),
      })),
      ...entries(before.sourceRoutes, after.sourceRoutes, ({ prefix }) => canonicalPrefix(prefix)).map(
        (step) => ({ kind: 'sourceRoute' as const, prefix: either(step).prefix, ...reals(step) }),
      ),
      ...entries(before.tunnelEnds, after.tunnelEnds, canonicalAddress)
        .filter((step) => step.before === undefined || step.after === undefined)
        .map((step) => ({
          kind: 'tunnelEnd' as const,
          address: either(step),
          before: step.before === undefined ? undefined : (true as const),
          after: step.after === undefined ? undefined : (true as const),
        })),
      // These name reals of VIPs, which exist now.
      ...entries(before.globalFlows, after.globalFlows, flowKey).map((step) => ({
        kind: 'globalFlow' as const,
        flow: either(step),
        ...reals(step),
      })),
      // Removals come last, so that a refused change does not affect them.
      ...vips.filter(({ after: wanted }) => wanted === undefined),
      ...changed(before.onChange, after.onChange).map((step) => ({ kind: 'onChange' as const, ...step })),
      ...changed(before.metrics, after.metrics).map((step) => ({ kind: 'metrics' as const, ...step })),
    ],
  };
}

/** Whether the next hop is a MAC address; otherwise it is learned. */
function isMac({ router }: Config): boolean {
  return nextHop(router).routerMac !== undefined;
}

/** The change that undoes another. */
export function inverse(change: Change): Change {
  return { ...change, before: change.after, after: change.before } as Change;
}

function option(config: Config, key: string): unknown {
  return (config.options as Readonly<Record<string, unknown>>)[key];
}

function flowKey({
  source,
  sourcePort,
  destination,
  destinationPort,
  protocol,
}: Config['globalFlows'][number]): string {
  return [
    canonicalAddress(source),
    sourcePort,
    canonicalAddress(destination),
    destinationPort,
    protocol,
  ].join(' ');
}

function changed<T>(before: T | undefined, after: T | undefined): FromTo<T>[] {
  return isDeepStrictEqual(before, after) ? [] : [{ before, after }];
}

/** Removed items, then added and changed ones. */
function entries<T>(before: readonly T[], after: readonly T[], key: (item: T) => string): FromTo<T>[] {
  const old = new Map(before.map((item) => [key(item), item]));
  const kept = new Set(after.map(key));
  return [
    ...before.filter((item) => !kept.has(key(item))).map((item) => ({ before: item, after: undefined })),
    ...after.flatMap((item) => changed(old.get(key(item)), item)),
  ];
}

function either<T>({ before, after }: FromTo<T>): T {
  return (after ?? before)!;
}

function reals({ before, after }: FromTo<{ readonly real: string }>): FromTo<string> {
  return { before: before?.real, after: after?.real };
}
