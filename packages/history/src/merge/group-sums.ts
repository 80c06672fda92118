/** Sums that add up over histories, and the figures that follow from them. Pure. */
import type { GroupKey } from '../query/keys.js';
import { type MeasureOrder, type Measures, measureOrders, readMeasures } from '../query/measures.js';

/** Sums of a group, in the order of `sumNames`: what is counted, then sum and number of each latency. */
export type Sums = readonly number[];

/** How many there are. */
export const SUM_COUNT = 13;

/** A group, or a step of one, with its sums. */
export interface GroupSums {
  readonly key: GroupKey;
  /** Number of the step since 1970; absent where there are no steps. */
  readonly step?: bigint;
  readonly sums: Sums;
}

/** Sums of nothing. */
export const noSums: Sums = Array.from({ length: SUM_COUNT }, () => 0);

/** Sums of both. */
export function addSums(a: Sums, b: Sums): Sums {
  return a.map((value, index) => value + b[index]!);
}

/** Figures of a span of so many seconds. A mean of nothing is not known. */
export function measuresOf(sums: Sums, seconds: number): Measures {
  const means = [7, 9, 11].map((index) => (sums[index + 1]! > 0 ? sums[index]! / sums[index + 1]! : null));
  return readMeasures([...sums.slice(0, 7), ...means], seconds);
}

/** The text of a key, equal for equal keys of the same fields. */
export function keyText(by: readonly string[], key: GroupKey): string {
  return JSON.stringify(by.map((name) => key[name] ?? null));
}

/** Adds up what has the same key, and the same step. */
export function addGroups(by: readonly string[], parts: Iterable<GroupSums>): GroupSums[] {
  const groups = new Map<string, GroupSums>();
  for (const part of parts) {
    const text = part.step === undefined ? keyText(by, part.key) : `${part.step} ${keyText(by, part.key)}`;
    const known = groups.get(text);
    groups.set(text, known === undefined ? part : { ...known, sums: addSums(known.sums, part.sums) });
  }
  return [...groups.values()];
}

/** Compares what has figures: the largest come first, what is not known last; where that is equal, by key. */
export function byMeasure(order: MeasureOrder, by: readonly string[]) {
  const value = (measures: Measures): number | undefined =>
    order === 'bytes' ? measures.bytes_sent + measures.bytes_received : measures[order];
  return (a: Measures & { readonly key: GroupKey }, b: Measures & { readonly key: GroupKey }): number => {
    const [first, second] = [value(a) ?? -1, value(b) ?? -1];
    return second - first || compareKeys(by, a.key, b.key);
  };
}

/** As the database sorts keys: what is not known is last. */
export function compareKeys(by: readonly string[], a: GroupKey, b: GroupKey): number {
  for (const name of by) {
    const [first, second] = [a[name] ?? null, b[name] ?? null];
    if (first === second) continue;
    if (first === null) return 1;
    if (second === null) return -1;
    return first < second ? -1 : 1;
  }
  return 0;
}

/** Whether there is such an order. */
export function isMeasureOrder(name: string): name is MeasureOrder {
  return Object.hasOwn(measureOrders, name);
}
