/** Times as text in the reader's locale and zone. Pure. */

/** The reader's time zone. */
export const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Milliseconds since 1970 of a time of the API, which has nanoseconds. */
export function parseApiTime(text: string): number {
  const [, seconds = '', fraction = ''] = /^(.*:\d\d)(?:\.(\d+))?Z$/.exec(text) ?? [];
  return Date.parse(`${seconds}Z`) + Number(`0.${fraction || '0'}`) * 1000;
}

/** A time as the API reads it. @param ms Milliseconds since 1970 */
export function apiTime(ms: number): string {
  return new Date(ms).toISOString();
}

const format = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(undefined, options);
const clock = format({ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const minute = format({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const day = format({ month: 'short', day: 'numeric' });
const moment: Intl.DateTimeFormatOptions = {
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
};
const withoutYear = format(moment);
const withYear = format({ ...moment, year: 'numeric' });

/** Hour, minute and second. */
export function formatClock(ms: number): string {
  return clock.format(ms);
}

/** Date and time, to the second; the year where it is another one. */
export function formatTime(ms: number): string {
  const isThisYear = new Date(ms).getFullYear() === new Date().getFullYear();
  return (isThisYear ? withoutYear : withYear).format(ms);
}

/** A moment of a longer axis: what differs between its neighbours. @param stepMs From one mark to the next */
export function formatTick(ms: number, stepMs: number): string {
  if (stepMs < 60_000) return clock.format(ms);
  if (stepMs < 86_400_000) return isMidnight(ms) ? day.format(ms) : minute.format(ms);
  return day.format(ms);
}

function isMidnight(ms: number): boolean {
  const date = new Date(ms);
  return date.getHours() === 0 && date.getMinutes() === 0;
}

/** Both ends of a range, the second without the date that the first one has. */
export function formatRange(from: number, to: number): string {
  const isSameDay = new Date(from).toDateString() === new Date(to).toDateString();
  return `${formatTime(from)} – ${isSameDay ? formatClock(to) : formatTime(to)}`;
}
