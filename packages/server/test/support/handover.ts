/** A run that a killed collector has left. */
import type { TracerPosition } from '@weir/tracer';
import type { BatchState, RunDescription } from '../../src/handover/checkpoint.js';
import { epoch } from './batches.js';

export const run: RunDescription = {
  fingerprint: 'these programs',
  held: 'a digest',
  host_id: String(epoch.host_id),
  epoch: epoch.epoch,
  started: String(epoch.started),
  beganNs: 5,
};

/** A place in the ring, which differs for each number. */
export function positionAt(number: number): TracerPosition {
  return {
    ...{ ring: 64 * number, read: [number, 0], untilNs: 0, atUntil: 0, missedEnds: 0 },
    lost: { ring: 0, map: 0, probe: 0, udp: 0, missed: 0 },
  };
}

/** What was so with a batch. */
export function stateOf(number: number): BatchState {
  const time = epoch.started + BigInt(number) * 1_000_000_000n;
  return { number, time: String(time), monotonicNs: number * 1e9, position: positionAt(number) };
}
