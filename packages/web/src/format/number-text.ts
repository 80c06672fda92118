/** Numbers as text in the reader's locale. Pure. */

/** Stands for what is not known. */
export const UNKNOWN = '–';

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat(undefined, { notation: 'compact', maximumSignificantDigits: 3 });
const digits = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });
const percent = new Intl.NumberFormat(undefined, { style: 'percent', maximumSignificantDigits: 2 });

/** A count with all its digits. */
export function formatCount(count: number | undefined): string {
  return count === undefined ? UNKNOWN : whole.format(count);
}

/** A count of at most three digits and a letter: 12.3K. */
export function formatShort(count: number | undefined): string {
  if (count === undefined) return UNKNOWN;
  return Math.abs(count) < 1000 ? digits.format(count) : short.format(count);
}

const byteUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'] as const;

/** Bytes in powers of 1,000, with three digits: 12.3 MB. */
export function formatBytes(bytes: number | undefined): string {
  if (bytes === undefined) return UNKNOWN;
  let value = bytes;
  let unit = 0;
  // What would be rounded to 1,000 is one of the next unit.
  while (Math.abs(value) >= 999.5 && unit < byteUnits.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${digits.format(value)} ${byteUnits[unit]}`;
}

/** A number of things: `1 connection`, `2 connections`. @param noun One of them, whose plural ends in s */
export function formatMany(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** Bytes a second. */
export function formatRate(rate: number | undefined): string {
  return rate === undefined ? UNKNOWN : `${formatBytes(rate)}/s`;
}

/** A part of one as a percentage. */
export function formatRatio(ratio: number | undefined): string {
  return ratio === undefined ? UNKNOWN : percent.format(ratio);
}

/** Microseconds with a unit that suits them: 740 µs, 1.2 ms, 3.1 s, 4 min 2 s, 2 h 5 min. */
export function formatMicroseconds(us: number | undefined): string {
  if (us === undefined) return UNKNOWN;
  if (us < 999.5) return `${digits.format(us)} µs`;
  if (us < 999_500) return `${digits.format(us / 1000)} ms`;
  if (us < 59_950_000) return `${digits.format(us / 1e6)} s`;
  return formatSeconds(us / 1e6);
}

const largeUnits = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
] as const;

/** Seconds in the two largest units that they fill: 2 h 5 min. */
export function formatSeconds(seconds: number): string {
  const rounded = Math.round(seconds);
  const first = largeUnits.findIndex(([, length]) => rounded >= length);
  if (first < 0) return `${digits.format(seconds)} s`;
  let rest = rounded;
  const parts: string[] = [];
  for (const [name, length] of largeUnits.slice(first, first + 2)) {
    const count = Math.floor(rest / length);
    rest -= count * length;
    if (count > 0) parts.push(`${whole.format(count)} ${name}`);
  }
  return parts.join(' ');
}
