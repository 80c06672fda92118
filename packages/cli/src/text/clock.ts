/** Local wall-clock times of records. */

/**
 * Returns a function from RFC 3339 in UTC to local `HH:MM:SS.mmm`. Records come many to a second, so the part
 * that costs, the time zone, is looked up once a second.
 */
export function localClock(): (time: string) => string {
  const secondsLength = 'YYYY-MM-DDTHH:MM:SS'.length;
  let lastSecond = '';
  let shown = '';
  return (time) => {
    const second = time.slice(0, secondsLength);
    if (second !== lastSecond) {
      const date = new Date(`${second}Z`);
      shown = [date.getHours(), date.getMinutes(), date.getSeconds()]
        .map((part) => String(part).padStart(2, '0'))
        .join(':');
      lastSecond = second;
    }
    const fraction = /^\.(\d{1,3})/.exec(time.slice(secondsLength, secondsLength + 4));
    return `${shown}.${(fraction?.[1] ?? '').padEnd(3, '0')}`;
  };
}
