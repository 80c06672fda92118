/** The ring of before a failure, for a service whose reals are all down. Pure functions, which receive the time. */
import type { Membership } from './members.js';

/** What is remembered of a service's earlier rings. */
export interface RingHistory {
  /** Keys of the reals in the ring of before the failure that is going on, or of the present ring. */
  readonly whole: ReadonlySet<string>;
  /** Keys of the reals in the present ring. */
  readonly present: ReadonlySet<string>;
  /** When the present ring last lost a real, milliseconds of the checker's clock. */
  readonly lost: number;
}

export const noHistory: RingHistory = {
  whole: new Set(),
  present: new Set(),
  lost: Number.NEGATIVE_INFINITY,
};

/** Time without a further loss after which a failure has come to its end, beside two intervals of the check. */
const QUIET_MS = 60_000;

/**
 * Keys of the reals in the ring of before a failure that goes on now, or else in the present ring. Reals that fail one
 * after another belong to one failure, since a common cause reaches them at different times of their checks.
 *
 * @param interval The interval of the service's checks, milliseconds.
 */
export function ringBefore(
  { whole, present, lost }: RingHistory,
  now: number,
  interval = 0,
): ReadonlySet<string> {
  return now - lost <= QUIET_MS + 2 * interval ? whole : present;
}

/** The history after a ring was chosen. */
export function afterLoss(
  past: RingHistory,
  { state, ring }: Membership,
  now: number,
  interval = 0,
): RingHistory {
  const { present, lost } = past;
  if (state === 'down') return { whole: ring, present: ring, lost };
  const loses = [...present].some((key) => !ring.has(key));
  const whole = new Set([...ringBefore(past, now, interval), ...ring]);
  return { whole, present: ring, lost: loses ? now : lost };
}
