/** Three hours of connections, and sums over them. */
import type { TestContext } from 'node:test';
import type { EndRow, HistoryStore, IntervalRow } from '../../src/index.js';
import { plainEnd, plainInterval } from './plain-rows.js';
import { Random } from './random-rows.js';
import { batchOf, HOUR, HOUR_NS, openStore } from './store.js';

export const MINUTE = 60_000_000_000n;
/** All times of the rows, and more. */
export const all = { from: HOUR - 10n * HOUR_NS, to: HOUR + 10n * HOUR_NS };

/** Three hours of connections, two of them in segments, one in the file. */
export async function threeHours(
  context: TestContext,
): Promise<{ store: HistoryStore; ends: EndRow[]; intervals: IntervalRow[] }> {
  const store = await openStore(context);
  const random = new Random(11);
  const ends: EndRow[] = [];
  const intervals: IntervalRow[] = [];
  for (let hour = 0n; hour < 3n; hour++) {
    const time = () => HOUR + hour * HOUR_NS + (random.wide() % HOUR_NS);
    const newEnds = Array.from({ length: 300 }, () => plainEnd(random, { time: time() }));
    const newIntervals = Array.from({ length: 100 }, () => plainInterval(random, { time: time() }));
    ends.push(...newEnds);
    intervals.push(...newIntervals);
    await store.append(
      batchOf(Number(hour) + 1, {
        ends: newEnds,
        intervals: newIntervals,
        time: HOUR + (hour + 1n) * HOUR_NS,
      }),
    );
    await store.maintain();
  }
  return { store, ends, intervals };
}

/** The sum of a property. */
export const sum = (rows: readonly object[], name: string) =>
  rows.reduce((total, row) => total + ((row as Record<string, number | undefined>)[name] ?? 0), 0);
