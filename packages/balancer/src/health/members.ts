/** The choice of the reals in a service's ring. Pure functions. */
import { realKey, type ServiceReal, type ServiceSpec } from '../service.js';
import type { Condition } from './health-state.js';

/**
 * `up`: a real is up. `down`: none is, and the ring of before the failure stays. `unknown`: there is no result of a check, and all reals
 * are in the ring.
 */
export type ServiceState = 'unknown' | 'up' | 'down';

export interface Membership {
  readonly state: ServiceState;
  /** Keys of the reals in the ring. */
  readonly ring: ReadonlySet<string>;
  /** Number of reals in the ring that are up: their checks succeed, or they have none. */
  readonly up: number;
}

/**
 * Chooses the reals of the ring.
 *
 * @param condition Returns undefined for reals that are not checked.
 * @param before The keys of the reals in the ring of before the failure, for a service whose reals are all down.
 */
export function membership(
  reals: readonly ServiceReal[],
  condition: (real: ServiceReal) => Condition | undefined,
  before: ReadonlySet<string>,
): Membership {
  const weighted = reals.filter(({ weight = 1 }) => weight > 0);
  const having = (...wanted: readonly Condition[]) =>
    new Set(weighted.filter((real) => wanted.includes(condition(real) ?? 'up')).map(realKey));
  const up = having('up');
  const hopeful = having('up', 'unknown');
  if (up.size > 0) return { state: 'up', ring: hopeful, up: up.size };
  if (hopeful.size > 0) return { state: 'unknown', ring: hopeful, up: 0 };
  // A real that fails often is better than one that does not answer at all.
  const held = having('held');
  if (held.size > 0) return { state: 'up', ring: held, up: held.size };
  const all = weighted.map(realKey);
  const kept = all.filter((key) => before.has(key));
  return { state: 'down', ring: new Set(kept.length > 0 ? kept : all), up: 0 };
}

/**
 * The specification for the balancer: reals outside the ring have weight 0, so that they keep connections that still
 * exist; those whose checks fail are `down`.
 */
export function specFor(
  spec: ServiceSpec,
  ring: ReadonlySet<string>,
  condition: (real: ServiceReal) => Condition | undefined,
): ServiceSpec {
  const reals = spec.reals.map((real) => {
    const isIn = ring.has(realKey(real));
    return {
      ...real,
      weight: isIn ? (real.weight ?? 1) : 0,
      down: real.down === true || (condition(real) === 'down' && !isIn),
    };
  });
  return { ...spec, reals };
}

/** Keys of the reals that {@link specFor} left out of the ring because they were down. */
export function failedReals({ reals }: ServiceSpec): Set<string> {
  const failed = reals.filter(({ weight, down }) => weight === 0 && down === true);
  return new Set(failed.map(realKey));
}
