/** What is not known near a time in the past. Pure. */
import type { Coverage } from '@weir/history/query';
import { lossRecord, timeText } from '@weir/history/rows';
import { localTime } from '../../query/times.js';
import { escapeText } from '../../text/escape.js';
import { formatCount } from '../../text/units.js';
import type { JsonPast } from '../model/past-moment.js';

/** Nanoseconds within which losses are near a moment: those of the looks around it. */
export const NEAR_NS = 60_000_000_000n;

/** What falls near a moment, out of what is known about a longer range; spans end where it is no longer near. */
export function near({ losses, unrecorded }: Coverage, at: bigint): Coverage {
  const [first, last] = [at - NEAR_NS, at + NEAR_NS];
  return {
    losses: losses.filter(({ time, since = time }) => time >= first && since <= last),
    unrecorded: unrecorded
      .filter(({ from, to }) => to > first && from < last)
      .map(({ from, to }) => ({ from: from < first ? first : from, to: to > last ? last : to })),
  };
}

/** Whether nothing was recorded at a moment. */
export function isGap({ unrecorded }: Coverage, at: bigint): boolean {
  return unrecorded.some(({ from, to }) => from <= at && at < to);
}

/** Says what is not known near a moment. */
export function coverageComplaints(coverage: Coverage, at: bigint): string[] {
  const { losses, unrecorded } = coverage;
  const counts = losses.map(({ count, place }) =>
    count === undefined ? `an unknown number (${escapeText(place)})` : `${count} (${escapeText(place)})`,
  );
  const gaps = unrecorded.map((gap) => gapText(gap, at));
  return [
    ...(isGap(coverage, at) ? ['nothing was recorded then: this is what was open before'] : []),
    ...(counts.length === 0 ? [] : [`events lost within a minute of it: ${summed(counts)}`]),
    ...(gaps.length === 0 ? [] : [`nothing was recorded ${gaps.join(', ')}`]),
  ];
}

/** A span without an end that is not near. */
function gapText({ from, to }: Coverage['unrecorded'][number], at: bigint): string {
  const [isOpen, isEndless] = [from <= at - NEAR_NS, to >= at + NEAR_NS];
  if (isOpen && isEndless) return 'within a minute of it';
  if (isOpen) return `before ${localTime(to)}`;
  return isEndless ? `after ${localTime(from)}` : `from ${localTime(from)} to ${localTime(to)}`;
}

/** Losses that are shown one by one; the rest as a number. */
const MOST_LOSSES = 4;

function summed(counts: readonly string[]): string {
  const shown = counts.slice(0, MOST_LOSSES).join(', ');
  const rest = counts.length - MOST_LOSSES;
  return rest > 0 ? `${shown}, and ${formatCount(rest, 'more span')}` : shown;
}

/** As the JSON of the API has it. */
export function coverageJson({ losses, unrecorded }: Coverage): JsonPast {
  return {
    losses: losses.map(lossRecord),
    unrecorded: unrecorded.map(({ from, to }) => ({ from: timeText(from), to: timeText(to) })),
  };
}
