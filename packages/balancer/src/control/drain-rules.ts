/** Whether a real may be drained. Pure functions. */
import type { RealConfig, VipConfig } from '../config/schema.js';
import type { Condition } from '../health/health-state.js';
import { RequestError } from './names.js';

/** What is known of a VIP's reals. */
export interface RealsState {
  isDrained(real: RealConfig): boolean;
  /** Undefined for reals that are not checked. */
  condition(real: RealConfig): Condition | undefined;
}

/** Refuses to drain the last real that serves new flows, with which the VIP would be down. @throws RequestError */
export function refuseLastReal({ name, reals }: VipConfig, real: RealConfig, state: RealsState): void {
  const serves = (each: RealConfig) => each.weight > 0 && !state.isDrained(each);
  const isHealthy = (each: RealConfig) => state.condition(each) !== 'down';
  if (!serves(real)) return;
  const others = reals.filter((each) => each !== real && serves(each));
  if (others.length > 0 && (!isHealthy(real) || others.some(isHealthy))) return;
  const which = others.length === 0 ? 'last real' : 'last healthy real';
  throw new RequestError(
    `${real.name} is the ${which} of ${name} that gets new flows: without it ${name} is down. ` +
      'Undrain another one first, or drain it all the same with --force',
  );
}
