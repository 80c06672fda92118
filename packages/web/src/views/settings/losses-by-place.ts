/** What was lost, by where. Pure. */
import type { Loss } from '../../api/api-types.js';
import { parseApiTime } from '../../format/time-text.js';

/** What was lost at a place. */
export interface PlaceLosses {
  readonly place: string;
  readonly spans: number;
  /** Events; undefined where one of the spans has no number. */
  readonly events: number | undefined;
  /** When the last one ended, milliseconds since 1970. */
  readonly last: number;
}

/** What places mean. */
const meanings: Readonly<Record<string, string>> = {
  ring: 'more happened at once than the buffer of the kernel could hold: a larger --ring-size helps',
  map: 'more connections were open at once than are followed: record.maxConnections',
  probe: 'the kernel called a hook while it ran already',
  udp: 'UDP flows, of which more were alive than are followed, or which ended with a collector',
  missed: 'the kernel did not run a program',
  collector: 'no collector ran',
  history: 'it was recorded, and not stored',
};

/** What a place means; undefined for others. */
export function placeText(place: string): string | undefined {
  return Object.hasOwn(meanings, place) ? meanings[place] : undefined;
}

/** Sums of losses by place, the last one first. */
export function lossesByPlace(losses: readonly Loss[]): PlaceLosses[] {
  const byPlace = new Map<string, PlaceLosses>();
  for (const { where, count, time } of losses) {
    const { spans = 0, events = 0, last = 0 } = byPlace.get(where) ?? {};
    const isKnown = count !== undefined && (spans === 0 || byPlace.get(where)?.events !== undefined);
    byPlace.set(where, {
      place: where,
      spans: spans + 1,
      events: isKnown ? events + count : undefined,
      last: Math.max(last, parseApiTime(time)),
    });
  }
  return [...byPlace.values()].sort((a, b) => b.last - a.last);
}
