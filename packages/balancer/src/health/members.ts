/** The choice of the reals in a service's ring. Pure functions. */
import { MAX_WEIGHT } from '../limits.js';
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
 * @param share Share of its weight that a real gets; with 0 it gets no new flows, as one with weight 0.
 */
export function membership(
  reals: readonly ServiceReal[],
  condition: (real: ServiceReal) => Condition | undefined,
  before: ReadonlySet<string>,
  share: (real: ServiceReal) => number = () => 1,
): Membership {
  const weighted = reals.filter((real) => (real.weight ?? 1) > 0 && share(real) > 0);
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
  share: (real: ServiceReal) => number = () => 1,
): ServiceSpec {
  const weights = ringWeights(spec.reals, (real) => (ring.has(realKey(real)) ? share(real) : 0));
  const reals = spec.reals.map((real, index) => {
    const isIn = ring.has(realKey(real));
    return {
      ...real,
      weight: weights[index]!,
      down: real.down === true || (condition(real) === 'down' && !isIn),
    };
  });
  return { ...spec, reals };
}

/** With it, shares of weights are whole numbers. */
const SCALE = 100;

/**
 * Weights in the ring, of which only the proportions count: those of the file where each real has all or nothing, and a multiple of
 * them where one has a part.
 */
function ringWeights(reals: readonly ServiceReal[], share: (real: ServiceReal) => number): number[] {
  const parts = reals.map((real) => ({ weight: real.weight ?? 1, share: share(real) }));
  if (parts.every((part) => part.share === 0 || part.share === 1))
    return parts.map((part) => part.weight * part.share);
  const most = Math.max(...parts.map((part) => part.weight * part.share));
  const scale = Math.min(SCALE, MAX_WEIGHT / most);
  return parts.map((part) => {
    const weight = part.weight * part.share * scale;
    return weight === 0 ? 0 : Math.max(1, Math.floor(weight + 1e-6));
  });
}

/** Keys of the reals that {@link specFor} left out of the ring because they were down. */
export function failedReals({ reals }: ServiceSpec): Set<string> {
  const failed = reals.filter(({ weight, down }) => weight === 0 && down === true);
  return new Set(failed.map(realKey));
}
