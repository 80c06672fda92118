/** The choice of the reals in a service's ring. Pure functions. */
import type { ServiceReal, ServiceSpec } from '../service.js';
import type { Condition } from './health-state.js';

/**
 * `up`: a real is up. `down`: none is, and the last ring stays. `unknown`: there is no result of a check, and all reals
 * are in the ring.
 */
export type ServiceState = 'unknown' | 'up' | 'down';

export interface Membership {
  readonly state: ServiceState;
  /** Addresses of the reals in the ring. */
  readonly ring: ReadonlySet<string>;
  /** Number of reals in the ring that are up: their checks succeed, or they have none. */
  readonly up: number;
}

/**
 * Chooses the reals of the ring.
 *
 * @param condition Returns undefined for reals that are not checked.
 * @param before The addresses in the present ring.
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
  // A real that fails often is better than one that does not answer at all.
  const held = having('held');
  if (held.size > 0) return { state: 'up', ring: held, up: held.size };
  const kept = new Set(weighted.filter((address) => before.has(address)));
  return { state: 'down', ring: kept.size > 0 ? kept : new Set(weighted), up: 0 };
}

/**
 * The specification for the balancer: reals outside the ring have weight 0, so that they keep connections that still
 * exist; those whose checks fail are `down`.
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

/** The reals that {@link specFor} left out of the ring because they were down. */
export function failedReals({ reals }: ServiceSpec): Set<string> {
  const failed = reals.filter(({ weight, down }) => weight === 0 && down === true);
  return new Set(failed.map(({ address }) => address));
}
