/** What a real's checks have said so far. Pure: time comes in, a new state comes out. */
import { type Damping, decayed, penalized, undamped } from './damping.js';

/**
 * `unknown`: no result yet; the real counts as well. `held`: its checks succeed, but it failed too often lately.
 */
export type Condition = 'unknown' | 'up' | 'held' | 'down';

export interface CheckState {
  /** What the last results agree on. */
  readonly agreed: 'unknown' | 'up' | 'down';
  /** Results in a row that say otherwise. */
  readonly against: number;
  readonly damping: Damping;
}

/** Results in a row that it takes to change. */
export interface Thresholds {
  readonly rise: number;
  readonly fall: number;
}

export const unchecked: CheckState = { agreed: 'unknown', against: 0, damping: undamped };

/** The state of a real that an earlier control plane has left. */
export function stateFrom(condition: Condition): CheckState {
  return { ...unchecked, agreed: condition === 'held' ? 'up' : condition };
}

export function conditionOf({ agreed, damping }: CheckState): Condition {
  return agreed === 'up' && damping.held ? 'held' : agreed;
}

/**
 * After a result. The first one decides alone, since nothing speaks against it, and is no flap.
 *
 * @param time milliseconds, not before earlier ones.
 */
export function afterResult(
  state: CheckState,
  ok: boolean,
  time: number,
  thresholds: Thresholds,
): CheckState {
  const damping = decayed(state.damping, time);
  const said = ok ? 'up' : 'down';
  if (state.agreed === 'unknown') return { agreed: said, against: 0, damping };
  if (state.agreed === said) return { agreed: said, against: 0, damping };
  const against = state.against + 1;
  if (against < (ok ? thresholds.rise : thresholds.fall)) return { agreed: state.agreed, against, damping };
  return { agreed: said, against: 0, damping: ok ? damping : penalized(damping, time) };
}
