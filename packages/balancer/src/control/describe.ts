/** Log lines for changes of a balancer. Pure functions. */
import { realAt } from '../config/convert.js';
import type { Change } from '../config/diff.js';
import type { VipConfig } from '../config/schema.js';
import type { ServiceHealth } from '../health/checked-services.js';
import type { CertificateExpiry, HealthChange } from '../health/checker.js';

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

/** `web: agents: a 75%, b down`; reals about which nothing is said are left out. */
export function describeAgents(vip: VipConfig, { reals }: ServiceHealth): string {
  const said = reals.flatMap(({ address, port, agent }) =>
    agent === undefined ? [] : [`${realAt(vip, address, port)?.name ?? address} ${agent}`],
  );
  return `${vip.name}: agents: ${said.length === 0 ? 'all reals have their weights' : said.join(', ')}`;
}

const DAY_MS = 86_400_000;

/** `web: real a: its certificate expires on 2026-12-01, in 3 days` */
export function describeExpiry(
  vip: VipConfig,
  { real, port, expires }: CertificateExpiry,
  now: Date,
): string {
  const name = realAt(vip, real, port)?.name ?? real;
  return `${vip.name}: real ${name}: ${expiryText(expires, now)}`;
}

/** `its certificate expires on 2026-12-01, in 3 days` */
export function expiryText(expires: Date, now: Date): string {
  const [date] = expires.toISOString().split('T');
  const days = Math.floor((expires.getTime() - now.getTime()) / DAY_MS);
  if (expires <= now) return `its certificate expired on ${date}`;
  return `its certificate expires on ${date}, ${days === 0 ? 'within a day' : `in ${days} day${days === 1 ? '' : 's'}`}`;
}
