/** Numbers for people: three significant digits and a unit. */

/** Three significant digits of a number from 0 to 999.4. */
function significant(value: number): string {
  if (value < 9.995) return value.toFixed(2);
  return value < 99.95 ? value.toFixed(1) : value.toFixed(0);
}

const byteUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** Bytes with decimal units: `999 B`, `1.20 kB`, `34.5 MB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < byteUnits.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : significant(value)} ${byteUnits[unit]}`;
}

/** Microseconds as milliseconds, so that values can be compared at a glance: `0.085 ms`, `12.3 ms`. */
export function formatMilliseconds(microseconds: number): string {
  const value = microseconds / 1000;
  return `${value < 0.9995 ? value.toFixed(3) : significantAbove(value)} ms`;
}

function significantAbove(value: number): string {
  return value < 999.5 ? significant(value) : value.toFixed(0);
}

/** Microseconds in the unit that fits: `85 µs`, `12.3 ms`, `1.52 s`, `2m03s`, `1h02m`, `3d04h`. */
export function formatDuration(microseconds: number): string {
  if (microseconds < 1000) return `${Math.round(microseconds)} µs`;
  if (microseconds < 999_500) return `${significant(microseconds / 1000)} ms`;
  if (microseconds < 59_950_000) return `${significant(microseconds / 1e6)} s`;
  const seconds = Math.round(microseconds / 1e6);
  if (seconds < 3600) return twoUnits(seconds, 60, 'm', 's');
  const minutes = Math.round(seconds / 60);
  if (minutes < 1440) return twoUnits(minutes, 60, 'h', 'm');
  return twoUnits(Math.round(minutes / 60), 24, 'd', 'h');
}

function twoUnits(value: number, base: number, large: string, small: string): string {
  return `${Math.floor(value / base)}${large}${String(value % base).padStart(2, '0')}${small}`;
}

/** `1 event`, `1,234 events`. */
export function formatCount(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
}
