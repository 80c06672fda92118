/** Ranges of time as people write them. Pure. */
import { OptionError } from '@weir/ebpf/errors';
import type { TimeRange } from '../../store/session.js';
import { clockAfter, type Moment, parseMoment, parseSpan, type TimeOptions } from './moment.js';

/**
 * Reads a moment: `-1h`, `10:32` (the last time that the clock showed it), `yesterday 14:00`, `monday 9:00`, `2026-11-26 10:32`,
 * RFC 3339, `@UNIX_SECONDS`, `now`.
 *
 * @returns Nanoseconds since 1970.
 * @throws OptionError for any other text.
 */
export function parseTime(text: string, options: TimeOptions): bigint {
  return parseMoment(text, options).at;
}

/**
 * Reads a range. `A..B` has two moments, `A..` ends now; `B` may be a clock time after `A`, or `+5m`. A single moment that is relative
 * (`-1h`) begins a range up to now; one that names a day, a minute or a second is that day, minute or second.
 *
 * @throws OptionError for any other text, and for a range that ends before it begins.
 */
export function parseTimeRange(text: string, options: TimeOptions): TimeRange {
  const places = text.split('..');
  if (places.length > 2)
    throw new OptionError(`${JSON.stringify(text)}: a range has two ends, as in 10:00..11:00`);
  const [first, second] = places as [string, string | undefined];
  const begin = parseMoment(first, options);
  if (second === undefined) {
    const to = begin.length === 0n ? options.now : begin.at + begin.length;
    return checked(text, begin.at, to);
  }
  if (second.trim() === '') return checked(text, begin.at, options.now);
  const end = parseEnd(second, begin, options);
  if (end <= begin.at && begin.skipped !== undefined)
    throw new OptionError(`${JSON.stringify(text)}: the clock was set forward over that time`);
  return checked(text, begin.at, end);
}

function parseEnd(text: string, { at: begin, skipped = 0n }: Moment, options: TimeOptions): bigint {
  const trimmed = text.trim();
  if (trimmed.startsWith('+')) {
    const span = parseSpan(trimmed.slice(1));
    if (span === undefined) throw new OptionError(`${JSON.stringify(text)}: expected a time such as +5m`);
    return begin + span;
  }
  // What is written as later is not meant to be of the next day.
  const clock = clockAfter(trimmed, begin - skipped, options.zone);
  if (clock !== undefined) return clock;
  const end = parseMoment(trimmed, options);
  // A day that ends a range belongs to it; a minute or an instant does not.
  return end.length > 3_600_000_000_000n ? end.at + end.length : end.at;
}

function checked(text: string, from: bigint, to: bigint): TimeRange {
  if (to <= from) throw new OptionError(`${JSON.stringify(text)}: the range ends before it begins`);
  return { from, to };
}
