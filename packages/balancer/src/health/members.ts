/** Which reals of a service are in its ring. Pure. */
import type { ServiceReal, ServiceSpec } from '../service.js';
import type { Condition } from './health-state.js';

/**
 * `up`: some real is well. `down`: none is, and the last ring stays. `unknown`: no check has said yet; all reals are in
 * the ring.
 */
export type ServiceState = 'unknown' | 'up' | 'down';

export interface Membership {
  readonly state: ServiceState;
  /** Addresses of the reals in the ring. */
  readonly ring: ReadonlySet<string>;
  /** Reals that are well: their checks succeed, or they have none. */
  readonly up: number;
}

/**
 * @param condition undefined for reals that are not checked.
 * @param before the ring so far.
 */
export function membership(
  reals: readonly ServiceReal[],
  condition: (address: string) => Condition | undefined,
  before: ReadonlySet<string>,
): Membership {
  const weighted = reals.filter(({ weight = 1 }) => weight > 0).map(({ address }) => address);
  const having = (...wanted: readonly Condition[]) =>
    new Set(weighted.filter((address) => wanted.includes(condition(address) ?? 'up')));
  const up = having('up');
  const hopeful = having('up', 'unknown');
  if (up.size > 0) return { state: 'up', ring: hopeful, up: up.size };
  if (hopeful.size > 0) return { state: 'unknown', ring: hopeful, up: 0 };
  // Better a real that fails often than one that does not answer at all.
  const held = having('held');
  if (held.size > 0) return { state: 'up', ring: held, up: held.size };
  const kept = new Set(weighted.filter((address) => before.has(address)));
  return { state: 'down', ring: kept.size > 0 ? kept : new Set(weighted), up: 0 };
}

/**
 * What the balancer is to be told: reals outside the ring have weight 0, so that they keep the connections that they
 * may still have, and are `down`.
 */
export function specFor(
  spec: ServiceSpec,
  ring: ReadonlySet<string>,
  condition: (address: string) => Condition | undefined,
): ServiceSpec {
  const reals = spec.reals.map((real) => ({
    ...real,
    weight: ring.has(real.address) ? (real.weight ?? 1) : 0,
    down: real.down === true || (condition(real.address) === 'down' && !ring.has(real.address)),
  }));
  return { ...spec, reals };
}

/** The reals that {@link specFor} has taken out of the ring because they were down. */
export function failedReals({ reals }: ServiceSpec): Set<string> {
  const failed = reals.filter(({ weight, down }) => weight === 0 && down === true);
  return new Set(failed.map(({ address }) => address));
}
