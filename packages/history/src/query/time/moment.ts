/** A moment as people write it. Pure. */
import { OptionError } from '@weir/ebpf/errors';
import { addDays, type ClockTime, clockAt, skippedMs, timeOf, timesOf, weekday } from './zone.js';

/** What a text is read against. */
export interface TimeOptions {
  /** Nanoseconds since 1970. */
  readonly now: bigint;
  /** Time zone of clock times, such as `Europe/Berlin`. */
  readonly zone: string;
}

/** A moment, and how long the unit is that its text names: a day, a minute, a second. */
export interface Moment {
  /** Nanoseconds since 1970. */
  readonly at: bigint;
  /** 0 where the text names an instant. */
  readonly length: bigint;
  /** The clock was set forward over this time, and so much later is meant; absent for 0. */
  readonly skipped?: bigint;
  /** It is a clock time without a day. */
  readonly isClock?: true;
}

const MS = 1_000_000n;
const SECOND = 1000n * MS;
const MINUTE = 60n * SECOND;
const HOUR = 60n * MINUTE;
const unitNs: Readonly<Record<string, bigint>> = {
  ms: MS,
  s: SECOND,
  m: MINUTE,
  h: HOUR,
  d: 24n * HOUR,
  w: 168n * HOUR,
};

const weekdays = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const datePattern = /^(\d{4})-(\d{2})-(\d{2})$/;
const clockPattern = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?$/;
const zonedPattern = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?)([Zz]|[+-]\d{2}:\d{2})$/;

/** Nanoseconds of `1h30m`, `90s`, `1.5h`, `2d`, `500ms`; undefined for another text. */
export function parseSpan(text: string): bigint | undefined {
  if (!/^(?:\d{1,9}(?:\.\d{1,9})?(?:ms|[smhdw]))+$/.test(text)) return undefined;
  let total = 0n;
  for (const [, whole, fraction = '', unit] of text.matchAll(/(\d+)(?:\.(\d+))?(ms|[smhdw])/g)) {
    const ns = unitNs[unit!]!;
    total += BigInt(whole!) * ns + (BigInt(fraction || 0) * ns) / 10n ** BigInt(fraction.length);
  }
  return total;
}

/** @throws OptionError for a text that is no moment. */
export function parseMoment(text: string, options: TimeOptions): Moment {
  const trimmed = text.trim();
  const found = parseRelative(trimmed, options) ?? parseZoned(trimmed) ?? parseDayAndClock(trimmed, options);
  if (found === undefined) {
    throw new OptionError(
      `${JSON.stringify(text)} is no time: write one such as -1h, 10:32, yesterday 14:00 or 2026-11-26T10:32:00Z`,
    );
  }
  return found;
}

function parseRelative(text: string, { now }: TimeOptions): Moment | undefined {
  if (text === 'now') return { at: now, length: 0n };
  const unix = /^@(-?)(\d{1,11})(?:\.(\d{1,9}))?$/.exec(text);
  if (unix !== null) {
    const size = BigInt(unix[2]!) * SECOND + fractionNs(unix[3]);
    return { at: unix[1] === '-' ? -size : size, length: 0n };
  }
  const match = /^-(\S+)$|^(\S+) ago$/.exec(text);
  const span = match && parseSpan((match[1] ?? match[2])!);
  return span == null ? undefined : { at: now - span, length: 0n };
}

function parseZoned(text: string): Moment | undefined {
  const match = zonedPattern.exec(text);
  if (match === null) return undefined;
  const day = parseDate(match[1]!);
  const clock = parseClock(match[2]!);
  if (day === undefined || clock === undefined) return undefined;
  const utc = BigInt(timeOf({ ...day, ...clock.time }, 'UTC')) * MS + clock.ns;
  return { at: utc - zoneNs(match[3]!), length: 0n };
}

function zoneNs(text: string): bigint {
  if (/z/i.test(text)) return 0n;
  const size = BigInt(text.slice(1, 3)) * HOUR + BigInt(text.slice(4)) * MINUTE;
  return text.startsWith('-') ? -size : size;
}

/** A day, a clock time, or both. */
function parseDayAndClock(text: string, options: TimeOptions): Moment | undefined {
  const parts = text.split(/ +|(?<=^\d{4}-\d{2}-\d{2})[Tt]/);
  const [first, second] = parts as [string, string | undefined];
  if (parts.length > 2) return undefined;
  const day = parseDay(first, options);
  if (day !== undefined) {
    if (second === undefined) return wholeDay(day, options.zone);
    const clock = parseClock(second);
    return clock && momentOf(day, clock, options.zone);
  }
  const clock = second === undefined ? parseClock(first) : undefined;
  return clock && { ...latest(clock, options), isClock: true };
}

type Day = Pick<ClockTime, 'year' | 'month' | 'day'>;

function parseDay(text: string, { now, zone }: TimeOptions): Day | undefined {
  const today = clockAt(Number(now / MS), zone);
  const word = text.toLowerCase();
  if (word === 'today') return today;
  if (word === 'yesterday') return addDays(today, -1);
  const index = weekdays.findIndex((name) => name === word || name.slice(0, 3) === word);
  // Today's name means today.
  if (index >= 0) return addDays(today, -((weekday(today) - index + 7) % 7));
  return parseDate(text);
}

function parseDate(text: string): Day | undefined {
  const match = datePattern.exec(text);
  if (match === null) return undefined;
  const [year, month, day] = match.slice(1).map(Number) as [number, number, number];
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? { year, month, day } : undefined;
}

interface Clock {
  readonly time: Pick<ClockTime, 'hour' | 'minute' | 'second'>;
  /** Below a second. */
  readonly ns: bigint;
  readonly length: bigint;
}

function parseClock(text: string): Clock | undefined {
  const match = clockPattern.exec(text);
  if (match === null) return undefined;
  const [hour, minute, second] = [match[1], match[2], match[3] ?? 0].map(Number) as [number, number, number];
  // RFC 3339 allows a leap second, which no clock of Unix shows.
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  const length = match[3] === undefined ? MINUTE : match[4] === undefined ? SECOND : 0n;
  return { time: { hour, minute, second: Math.min(second, 59) }, ns: fractionNs(match[4]), length };
}

function fractionNs(digits = ''): bigint {
  return BigInt(digits.padEnd(9, '0'));
}

function wholeDay(day: Day, zone: string): Moment {
  const midnight = { ...day, hour: 0, minute: 0, second: 0 };
  const at = BigInt(timeOf(midnight, zone)) * MS;
  return { at, length: BigInt(timeOf(addDays(midnight, 1), zone)) * MS - at };
}

function momentOf(day: Day, { time, ns, length }: Clock, zone: string): Moment {
  const clock = { ...day, ...time };
  const skipped = BigInt(skippedMs(clock, zone)) * MS;
  return { at: BigInt(timeOf(clock, zone)) * MS + ns, length, ...(skipped > 0n && { skipped }) };
}

/** All moments of a day when the clock shows it: two where summer time ends. */
function momentsOf(day: Day, clock: Clock, zone: string): Moment[] {
  const moment = momentOf(day, clock, zone);
  return timesOf({ ...day, ...clock.time }, zone).map((ms) => ({
    ...moment,
    at: BigInt(ms) * MS + clock.ns,
  }));
}

/** When the clock last showed it. */
function latest(clock: Clock, { now, zone }: TimeOptions): Moment {
  const today = clockAt(Number(now / MS), zone);
  const found = [0, -1, -2]
    .flatMap((days) => momentsOf(addDays(today, days), clock, zone))
    .filter(({ at }) => at <= now);
  return found.reduce((last, moment) => (moment.at > last.at ? moment : last));
}

/** The same clock time as soon as possible after a moment. */
export function clockAfter(text: string, after: bigint, zone: string): bigint | undefined {
  const clock = parseClock(text.trim());
  if (clock === undefined) return undefined;
  const day = clockAt(Number(after / MS), zone);
  const found = [0, 1, 2]
    .flatMap((days) => momentsOf(addDays(day, days), clock, zone))
    .map(({ at }) => at)
    .filter((at) => at > after);
  return found.reduce((first, at) => (at < first ? at : first));
}
