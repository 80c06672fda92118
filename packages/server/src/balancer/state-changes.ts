/** What differs between two states of a balancer. Pure. */
import type { SeenBalancer, SeenReal, SeenVip } from '../wire/balancer-messages.js';
import { realKey } from './traffic-sums.js';

/** What changed. */
export const changeKinds = [
  'started',
  'restarted',
  'silent',
  'answers',
  'removed',
  'vip_added',
  'vip_removed',
  'vip_state',
  'real_added',
  'real_removed',
  'weight',
  'health',
  'drained',
  'undrained',
] as const;

/** A change. */
export interface BalancerChange {
  readonly kind: (typeof changeKinds)[number];
  readonly balancer: string;
  readonly vip?: string;
  readonly real?: string;
  readonly before?: string | number;
  readonly after?: string | number;
  /** Why, such as what a health check found. */
  readonly detail?: string;
}

/** A text that is the same for states between which nothing changed that users would see as a change. */
export function shapeOf(state: SeenBalancer | undefined): string {
  if (state === undefined) return '';
  const { packets: _, vips, ...balancer } = state;
  const shapes = vips.map(({ packets, bytes, reals, ...vip }) => ({
    ...vip,
    reals: reals.map(({ packets, bytes, reason, since, ...real }) => real),
  }));
  return JSON.stringify([balancer, shapes]);
}

/** What changed from one state to the next; undefined: there is no such balancer. */
export function changesBetween(
  name: string,
  before: SeenBalancer | undefined,
  after: SeenBalancer | undefined,
): BalancerChange[] {
  const changes: BalancerChange[] = [];
  const add = (kind: BalancerChange['kind'], more: Omit<BalancerChange, 'kind' | 'balancer'> = {}) =>
    changes.push({ kind, balancer: name, ...more });
  if (after === undefined) add('removed');
  else if (before === undefined && after.running) add('started');
  else if (before === undefined) add('silent', { before: 'unknown' });
  else if (before.running && !after.running) add('silent');
  else if (!before.running && after.running) add('answers');
  else if (after.running && (before.pid !== after.pid || before.started !== after.started)) add('restarted');
  // Without its process, nothing is known of a balancer; its VIPs have not gone.
  if (before?.running !== true || after?.running !== true) return changes;
  const vips = new Map(before.vips.map((vip) => [vip.name, vip]));
  for (const vip of after.vips) {
    const earlier = vips.get(vip.name);
    vips.delete(vip.name);
    if (earlier === undefined) add('vip_added', { vip: vip.name });
    else for (const { kind, ...more } of vipChanges(earlier, vip)) add(kind, { vip: vip.name, ...more });
  }
  for (const vip of vips.keys()) add('vip_removed', { vip });
  return changes;
}

type VipChange = Omit<BalancerChange, 'balancer' | 'vip'>;

function vipChanges(before: SeenVip, after: SeenVip): VipChange[] {
  const changes: VipChange[] = [];
  if (before.state !== after.state)
    changes.push({ kind: 'vip_state', before: before.state, after: after.state });
  const reals = new Map(before.reals.map((real) => [realKey(real), real]));
  for (const real of after.reals) {
    const earlier = reals.get(realKey(real));
    reals.delete(realKey(real));
    if (earlier === undefined) changes.push({ kind: 'real_added', real: real.name, after: real.weight });
    else changes.push(...realChanges(earlier, real));
  }
  for (const real of reals.values())
    changes.push({ kind: 'real_removed', real: real.name, before: real.weight });
  return changes;
}

function realChanges(before: SeenReal, after: SeenReal): VipChange[] {
  const changes: VipChange[] = [];
  const real = after.name;
  if (before.weight !== after.weight)
    changes.push({ kind: 'weight', real, before: before.weight, after: after.weight });
  if (before.drained !== after.drained) changes.push({ kind: after.drained ? 'drained' : 'undrained', real });
  if (before.condition !== after.condition) {
    changes.push({
      ...{ kind: 'health', real, before: before.condition ?? 'unchecked' },
      after: after.condition ?? 'unchecked',
      ...(after.reason !== undefined && { detail: after.reason }),
    });
  }
  return changes;
}
