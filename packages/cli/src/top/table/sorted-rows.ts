/**
 * Rows in the order of a column. There may be a hundred thousand, of which a screen shows fifty: only as many of the first as are
 * asked for are put in order.
 */
import type { Column, Value } from './column.js';

/** Rows that are put in order at first; then all. */
const FIRST = 256;

type Compare = (left: number, right: number) => number;

export class SortedRows<Row> {
  readonly #rows: readonly Row[];
  readonly #compare: Compare;
  /** Places of the first rows, in order. */
  #order: Uint32Array | undefined;

  /** Rows of equal values are in the order of another column, and else as they were, as all are without a column. */
  constructor(
    rows: readonly Row[],
    column: Column<Row> | undefined,
    descending: boolean,
    then?: Column<Row>,
  ) {
    this.#rows = rows;
    // Each value is looked up once.
    const values = column && rows.map((row) => column.value(row));
    const next = then && rows.map((row) => then.value(row));
    const sign = descending ? -1 : 1;
    this.#compare = (left, right) =>
      (values === undefined ? 0 : compareValues(values[left], values[right], sign)) ||
      (next === undefined ? 0 : compareValues(next[left], next[right], sign)) ||
      left - right;
  }

  get size(): number {
    return this.#rows.length;
  }

  /** @param index Below the size. */
  at(index: number): Row {
    const count = Math.min(index < FIRST ? FIRST : this.size, this.size);
    if (this.#order === undefined || this.#order.length < count) {
      this.#order = count < this.size ? leastOf(this.size, count, this.#compare) : this.#wholeOrder();
    }
    return this.#rows[this.#order[index]!]!;
  }

  /** The place of a row in the order; -1 if no row meets this. */
  indexOf(isIt: (row: Row) => boolean): number {
    const place = this.#rows.findIndex(isIt);
    if (place < 0) return -1;
    let before = 0;
    for (let other = 0; other < this.size; other++) if (this.#compare(other, place) < 0) before++;
    return before;
  }

  #wholeOrder(): Uint32Array {
    return Uint32Array.from(this.#rows, (_, index) => index).sort(this.#compare);
  }
}

function compareValues(left: Value, right: Value, sign: 1 | -1): number {
  if (left === right) return 0;
  if (left === undefined) return 1;
  if (right === undefined) return -1;
  return left < right ? -sign : sign;
}

/** The first `count` of the numbers below `size`, in order. */
function leastOf(size: number, count: number, compare: Compare): Uint32Array {
  // A heap whose first is the last of those that are kept.
  const heap = Uint32Array.from({ length: count }, (_, index) => index);
  for (let at = (count >> 1) - 1; at >= 0; at--) siftDown(heap, at, compare);
  for (let number = count; number < size; number++) {
    if (compare(number, heap[0]!) >= 0) continue;
    heap[0] = number;
    siftDown(heap, 0, compare);
  }
  return heap.sort(compare);
}

function siftDown(heap: Uint32Array, from: number, compare: Compare): void {
  const moved = heap[from]!;
  let at = from;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && compare(heap[child]!, heap[child + 1]!) < 0) child++;
    if (compare(moved, heap[child]!) >= 0) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = moved;
}
