/** A real's state, from the results of its checks. Pure functions, which receive the time. */
import { type Damping, decayed, penalized, undamped } from './damping.js';

/**
 * `unknown`: there is no result, and the real counts as up. `held`: its checks succeed, but it failed too often lately.
 */
export type Condition = 'unknown' | 'up' | 'held' | 'down';

export interface CheckState {
  /** The state on which the last results agree. */
  readonly agreed: 'unknown' | 'up' | 'down';
  /** Number of results in a row that contradict it. */
  readonly against: number;
  readonly damping: Damping;
}

/** Numbers of results in a row that change the state. */
export interface Thresholds {
  readonly rise: number;
  readonly fall: number;
}

export const unchecked: CheckState = { agreed: 'unknown', against: 0, damping: undamped };

/** The state of a real whose condition an earlier control plane left. */
export function stateFrom(condition: Condition): CheckState {
  return { ...unchecked, agreed: condition === 'held' ? 'up' : condition };
}

export function conditionOf({ agreed, damping }: CheckState): Condition {
  return agreed === 'up' && damping.held ? 'held' : agreed;
}

/**
 * The state after a result. The first result decides alone, and is no flap.
 *
 * @param time Milliseconds, not before earlier results.
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
