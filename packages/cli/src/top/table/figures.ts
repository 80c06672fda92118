/** Figures in a table: short, and nothing where there is nothing. */
import { formatBytes, formatDuration, formatMilliseconds } from '../../text/units.js';

/** Columns that any amount of bytes takes. */
export const bytesWidth = '99.9 MB'.length;

/** What stands where a figure is not known. */
export const UNKNOWN = '-';

export function amount(bytes: number | undefined): string {
  if (bytes === undefined) return UNKNOWN;
  return bytes === 0 ? '0' : formatBytes(bytes);
}

/** Formats bytes a second, without the "/s". */
export function rate(bytesPerSecond: number | undefined): string {
  return amount(bytesPerSecond && Math.round(bytesPerSecond));
}

export function count(value: number | undefined): string {
  if (value === undefined) return UNKNOWN;
  return value === 0 ? '' : String(value);
}

export function roundTrip(microseconds: number | undefined): string {
  return microseconds === undefined ? '' : formatMilliseconds(microseconds);
}

/** Whole seconds below a minute: a table is no stop watch. */
export function age(nanoseconds: number | undefined): string {
  if (nanoseconds === undefined) return '';
  const seconds = Math.max(0, nanoseconds / 1e9);
  return seconds < 59.5 ? `${Math.round(seconds)} s` : formatDuration(seconds * 1e6);
}
