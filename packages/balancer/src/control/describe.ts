/** Log lines for changes of a balancer. Pure functions. */
import { realAt } from '../config/convert.js';
import type { Change } from '../config/diff.js';
import type { VipConfig } from '../config/schema.js';
import type { ServiceHealth } from '../health/checked-services.js';
import type { HealthChange } from '../health/checker.js';

/** `VIP web changed` */
export function describeChange(change: Change): string {
  const { before, after } = change;
  const verb = before === undefined ? 'added' : after === undefined ? 'removed' : 'changed';
  return `${subject(change)} ${verb}`;
}

function subject(change: Change): string {
  switch (change.kind) {
    case 'vip':
      return `VIP ${(change.after ?? change.before)!.name}`;
    case 'serverId':
      return `server id ${change.id}`;
    case 'sourceRoute':
      return `source route ${change.prefix}`;
    case 'tunnelEnd':
      return `tunnel end ${change.address}`;
    case 'globalFlow':
      return `global flow from ${change.flow.source} port ${change.flow.sourcePort}`;
    default:
      return change.kind;
  }
}

/** `web: real a is down: connection refused` */
export function describeReal(vip: VipConfig, { real, port, condition, reason }: HealthChange): string {
  const name = realAt(vip, real, port)?.name ?? real;
  return `${vip.name}: real ${name} is ${condition}: ${reason}`;
}

/** `web is up: 2 of 3 reals are up` */
export function describeVip(vip: VipConfig, { state, up, reals }: ServiceHealth): string {
  const what =
    state === 'down'
      ? 'no real is up, and the ring of before stays'
      : `${up} of ${reals.length} reals are up`;
  return `${vip.name} is ${state}: ${what}`;
}
