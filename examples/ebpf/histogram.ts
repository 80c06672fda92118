/** Histograms by powers of two, as `kernel/histogram.h` counts them. */

const barWidth = 40;

/** A line for each slot up to the last that counted anything. */
export function histogram(slots: ArrayLike<bigint>, unit: string): string[] {
  const counts = Array.from(slots, Number);
  const last = counts.findLastIndex((count) => count > 0);
  const most = Math.max(...counts);
  const lines = counts.slice(0, last + 1).map((count, slot) => {
    const range = `${slot === 0 ? 0 : 2 ** slot}`.padStart(10);
    const bar = '*'.repeat(Math.ceil((barWidth * count) / most));
    return `${range} ${`${2 ** (slot + 1) - 1}`.padEnd(10)} ${`${count}`.padStart(8)}  ${bar}`.trimEnd();
  });
  return [`${'from'.padStart(10)} ${`to ${unit}`.padEnd(10)} ${'count'.padStart(8)}`, ...lines];
}
