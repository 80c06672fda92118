/** What the rows of a batch add to each second, as a series with steps of a second counts them. Pure. */
import type { EndRow, IntervalRow } from '@weir/history/schema';

/** Sums of a second. */
export interface SecondSums {
  /** When it begins, seconds since 1970. */
  readonly second: number;
  connections: number;
  failures: number;
  bytes_sent: number;
  bytes_received: number;
  segments_sent: number;
  segments_received: number;
  retransmits: number;
}

/** By the second. */
export type SumsBySecond = Map<number, SecondSums>;

const figures = [
  ...(['bytes_sent', 'bytes_received', 'segments_sent', 'segments_received', 'retransmits'] as const),
];
/** Names of all sums. */
const sumNames = ['connections', 'failures', ...figures] as const;

const SECOND_NS = 1_000_000_000n;

/** Sums of rows. Bytes are counted once: an end whose bytes its intervals have counts none. */
export function sumsOf(ends: readonly EndRow[], intervals: readonly IntervalRow[]): SumsBySecond {
  const sums: SumsBySecond = new Map();
  for (const row of ends) {
    const sum = sumOf(sums, row.time);
    sum.connections++;
    if (row.event === 'fail') sum.failures++;
    if (row.interval_rows === 0) addFigures(sum, row);
  }
  for (const row of intervals) addFigures(sumOf(sums, row.time), row);
  return sums;
}

/** Adds sums to others. */
export function addSums(to: SumsBySecond, more: SumsBySecond): void {
  for (const [second, sums] of more) {
    const sum = secondOf(to, second);
    for (const name of sumNames) sum[name] += sums[name];
  }
}

function addFigures(sum: SecondSums, row: EndRow | IntervalRow): void {
  for (const name of figures) sum[name] += row[name] ?? 0;
}

function sumOf(sums: SumsBySecond, time: bigint): SecondSums {
  // Rounded down, also before 1970.
  const second = time / SECOND_NS;
  return secondOf(sums, Number(second * SECOND_NS > time ? second - 1n : second));
}

function secondOf(sums: SumsBySecond, second: number): SecondSums {
  let sum = sums.get(second);
  if (sum === undefined) {
    const zeros = Object.fromEntries(sumNames.map((name) => [name, 0]));
    sum = { second, ...zeros } as unknown as SecondSums;
    sums.set(second, sum);
  }
  return sum;
}
