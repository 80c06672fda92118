/** Times of the history for people. */

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** The local day: `2026-11-26`. */
export function localDay(date: Date): string {
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** Local time to the second. @param ns Nanoseconds since 1970. */
export function localTime(ns: bigint): string {
  const date = new Date(Number(ns / 1_000_000n));
  return `${localDay(date)} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`;
}
