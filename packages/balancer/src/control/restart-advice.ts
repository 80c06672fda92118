/** How to make changes that a running balancer cannot make. Pure functions. */
import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../config/schema.js';

/** Differences that end all known flows, or all translated ones. */
function forgetsFlows({ nat: old }: Config, { nat }: Config, fixed: readonly string[]): boolean {
  if (fixed.includes('options.flows')) return true;
  return old !== undefined && !isDeepStrictEqual([old.sources, old.ports], [nat?.sources, nat?.ports]);
}

/**
 * The message for changes of keys that are fixed when a balancer starts.
 *
 * @param fixed The keys, at least one.
 */
export function restartAdvice(before: Config, after: Config, fixed: readonly string[]): string {
  const what = `${fixed.join(', ')} cannot change while the balancer runs`;
  if (fixed.includes('name'))
    return `${what}: another name is another balancer. "weir balance stop" ends this one, then run the new one`;
  if (fixed.includes('mode'))
    return `${what}, and devices change their mode only without a program: "weir balance stop", then run it again`;
  const run = forgetsFlows(before, after, fixed)
    ? 'run it again with --forget-flows, since known flows are forgotten'
    : 'run it again';
  const { routes } = before;
  const isOther = routes !== undefined && routes.table !== after.routes?.table;
  const table = isOther
    ? `; then remove the routes of the old table with "ip route flush table ${routes.table}" and "ip -6 route flush table ${routes.table}"`
    : '';
  return `${what}: "weir balance stop --keep-forwarding", then ${run}${table}`;
}
