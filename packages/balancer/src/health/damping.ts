/**
 * Flap damping after RFC 2439: each failure adds a penalty, which halves with time. A real whose penalty has passed one
 * limit is held out of the ring, also while its checks succeed, until the penalty is below another.
 */
export interface Damping {
  /** What has been added and has not decayed yet, at `time`. */
  readonly penalty: number;
  /** Milliseconds of the checker's clock. */
  readonly time: number;
  readonly held: boolean;
}

const HALF_LIFE_MS = 120_000;
/** Three failures within a minute reach it, two never do. */
const HOLD_ABOVE = 2.5;
const RELEASE_BELOW = 1;
/** No more than this is remembered: ten minutes, five half-lives, until it is below the limit. */
const MOST = RELEASE_BELOW * 2 ** 5;

export const undamped: Damping = { penalty: 0, time: 0, held: false };

/** As it is at a later time. */
export function decayed(damping: Damping, time: number): Damping {
  const penalty = damping.penalty * 2 ** ((damping.time - time) / HALF_LIFE_MS);
  return { penalty, time, held: damping.held && penalty >= RELEASE_BELOW };
}

/** After a failure. */
export function penalized(damping: Damping, time: number): Damping {
  const before = decayed(damping, time);
  const penalty = Math.min(before.penalty + 1, MOST);
  return { penalty, time, held: before.held || penalty > HOLD_ABOVE };
}

/** How long it is held from now on if nothing more happens, milliseconds. */
export function holdMs(damping: Damping): number {
  return damping.held ? Math.max(0, HALF_LIFE_MS * Math.log2(damping.penalty / RELEASE_BELOW)) : 0;
}
