/** Groups that differ between two ranges: which are shown, and in which order. Pure. */
import type { Change, Difference, Measures } from '../../api/api-types.js';

/** In which ways groups differ, as people call them. */
export const changeTitles: Readonly<Record<Change, string>> = {
  new: 'New',
  gone: 'Gone',
  slower: 'Slower',
  more_failures: 'More failures',
  more_bytes: 'More bytes',
};

/** All of them. */
export const changeNames = Object.keys(changeTitles) as Change[];

/** How many groups differ in each way. */
export function countChanges(differences: readonly Difference[]): Readonly<Record<Change, number>> {
  const count = (change: Change) => differences.filter(({ changes }) => changes.includes(change)).length;
  return Object.fromEntries(changeNames.map((change) => [change, count(change)])) as Record<Change, number>;
}

/** Bytes both ways. */
export function bytesOf(measures: Measures | undefined): number {
  return measures === undefined ? 0 : measures.bytes_sent + measures.bytes_received;
}

/** How much longer something takes: the larger of both factors. */
export function slowness({ now, before }: Difference): number {
  const factor = (is: number | undefined, was: number | undefined) =>
    is === undefined || was === undefined || was === 0 ? 0 : is / was;
  return Math.max(factor(now?.handshake_us, before?.handshake_us), factor(now?.srtt_us, before?.srtt_us));
}

/** What differs in a way, the worst first; undefined: all, as the server orders them. */
export function chosenDifferences(
  differences: readonly Difference[],
  change: Change | undefined,
): readonly Difference[] {
  if (change === undefined) return differences;
  const failures = ({ now, before }: Difference) => (now?.failures ?? 0) - (before?.failures ?? 0);
  const moreBytes = ({ now, before }: Difference) => bytesOf(now) - bytesOf(before);
  const rank: Readonly<Record<Change, (difference: Difference) => number>> = {
    new: ({ now }) => bytesOf(now),
    gone: ({ before }) => bytesOf(before),
    slower: slowness,
    more_failures: failures,
    more_bytes: moreBytes,
  };
  return differences
    .filter(({ changes }) => changes.includes(change))
    .sort((a, b) => rank[change](b) - rank[change](a));
}

/** The largest of a figure on both sides, to which bars are drawn. */
export function largest(
  differences: readonly Difference[],
  value: (measures: Measures) => number | undefined,
): number {
  const of = (measures: Measures | undefined) => (measures === undefined ? 0 : (value(measures) ?? 0));
  return Math.max(0, ...differences.flatMap(({ now, before }) => [of(now), of(before)]));
}
