/**
 * Flap damping after RFC 2439: each failure adds a penalty, which halves with time. A real whose penalty exceeds a limit
 * is held out of the ring, even while its checks succeed, until the penalty falls below another limit.
 */
export interface Damping {
  /** The penalty at `time`. */
  readonly penalty: number;
  /** Milliseconds of the checker's clock. */
  readonly time: number;
  readonly held: boolean;
}

const HALF_LIFE_MS = 120_000;
/** Three failures within a minute exceed this limit; two never do. */
const HOLD_ABOVE = 2.5;
const RELEASE_BELOW = 1;
/** The highest penalty, from which it takes five half-lives, ten minutes, to fall below the limit. */
const MAX_PENALTY = RELEASE_BELOW * 2 ** 5;

export const undamped: Damping = { penalty: 0, time: 0, held: false };

/** The damping at a later time. */
export function decayed(damping: Damping, time: number): Damping {
  const penalty = damping.penalty * 2 ** ((damping.time - time) / HALF_LIFE_MS);
  return { penalty, time, held: damping.held && penalty >= RELEASE_BELOW };
}

/** The damping after a failure. */
export function penalized(damping: Damping, time: number): Damping {
  const before = decayed(damping, time);
  const penalty = Math.min(before.penalty + 1, MAX_PENALTY);
  return { penalty, time, held: before.held || penalty > HOLD_ABOVE };
}

/** How long the real is still held if it does not fail again, milliseconds. */
export function holdMs(damping: Damping): number {
  return damping.held ? Math.max(0, HALF_LIFE_MS * Math.log2(damping.penalty / RELEASE_BELOW)) : 0;
}
