/** Clock times of a time zone. Pure. */
import { OptionError } from '@weir/ebpf/errors';

const DAY_MS = 86_400_000;
const formats = new Map<string, Intl.DateTimeFormat>();

/** A clock time as people read it, without its zone; months count from 1. */
export interface ClockTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

/** The zone that this machine is set to. */
export function systemZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (format === undefined) {
    try {
      format = new Intl.DateTimeFormat('en-US', {
        timeZone: zone,
        hourCycle: 'h23',
        era: 'narrow',
        ...{ year: 'numeric', month: 'numeric', day: 'numeric' },
        ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
      });
    } catch {
      throw new OptionError(
        `${JSON.stringify(zone)} is no time zone: write one such as UTC or Europe/Berlin`,
      );
    }
    formats.set(zone, format);
  }
  return format;
}

/** What a clock of the zone shows. @param ms Since 1970. */
export function clockAt(ms: number, zone: string): ClockTime {
  const parts = new Map(
    formatOf(zone)
      .formatToParts(ms)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type)!;
  return {
    year: part('year'),
    month: part('month'),
    day: part('day'),
    hour: part('hour'),
    minute: part('minute'),
    second: part('second'),
  };
}

/** The time as if the clock were one of UTC. */
function asUtc({ year, month, day, hour, minute, second }: ClockTime): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.setUTCHours(hour, minute, second, 0);
}

/** How far the zone's clock is ahead of UTC. */
function offsetAt(ms: number, zone: string): number {
  const whole = Math.floor(ms / 1000) * 1000;
  return asUtc(clockAt(whole, zone)) - whole;
}

/**
 * When a clock of the zone shows this: milliseconds since 1970. What it shows twice, as summer time ends, is the first time; what it
 * never shows, as summer time begins, is as much later as the clock was set forward.
 */
export function timeOf(clock: ClockTime, zone: string): number {
  return Math.min(...timesOf(clock, zone));
}

/** All times when a clock of the zone shows this; for what it never shows, that of {@link timeOf}. */
export function timesOf(clock: ClockTime, zone: string): number[] {
  const utc = asUtc(clock);
  const [before, after] = [offsetAt(utc - DAY_MS, zone), offsetAt(utc + DAY_MS, zone)];
  const times = [utc - before, utc - after].filter((time) => time + offsetAt(time, zone) === utc);
  return times.length > 0 ? times : [utc - before];
}

/** How much later than what was asked for a clock of the zone shows at its time: 0, but for what it never shows. Milliseconds. */
export function skippedMs(clock: ClockTime, zone: string): number {
  return asUtc(clockAt(timeOf(clock, zone), zone)) - asUtc(clock);
}

/** The clock time some days later, or earlier. */
export function addDays(clock: ClockTime, days: number): ClockTime {
  const date = new Date(asUtc({ ...clock, hour: 12 }) + days * DAY_MS);
  return {
    ...clock,
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
  };
}

/** Day of the week; 0 is Sunday. */
export function weekday(clock: ClockTime): number {
  return new Date(asUtc(clock)).getUTCDay();
}
