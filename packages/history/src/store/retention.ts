/** Which segments have to go: by age, by budget, or because the disk is full. Pure. */
import type { Segment } from './catalog.js';

/** What is kept. */
export interface Retention {
  /** Rows that are older than the newest by this much go, nanoseconds. */
  readonly ageNs?: bigint;
  /** Bytes on disk of the whole history. */
  readonly bytes?: number;
}

/**
 * Segments that have to go, the oldest first, all tables of an hour together.
 *
 * @param otherBytes What the history has on disk beside its segments.
 */
export function expired(
  segments: readonly Segment[],
  { ageNs, bytes }: Retention,
  now: bigint,
  otherBytes: number,
): Segment[] {
  const oldestFirst = segments.toSorted((a, b) => a.hour - b.hour);
  const tooOld = ageNs === undefined ? [] : oldestFirst.filter(({ to }) => to < now - ageNs);
  if (bytes === undefined) return tooOld;
  const left = oldestFirst.filter((segment) => !tooOld.includes(segment));
  let total = otherBytes + left.reduce((sum, segment) => sum + segment.bytes, 0);
  const tooMuch: Segment[] = [];
  while (total > bytes && left.length > 0) {
    for (const segment of takeOldestHour(left)) {
      total -= segment.bytes;
      tooMuch.push(segment);
    }
  }
  return [...tooOld, ...tooMuch];
}

/** Removes the segments of the oldest hour from a list that has the oldest first. */
export function takeOldestHour(oldestFirst: Segment[]): Segment[] {
  const [first] = oldestFirst;
  const count = oldestFirst.findIndex(({ hour }) => hour !== first?.hour);
  return oldestFirst.splice(0, count < 0 ? oldestFirst.length : count);
}
