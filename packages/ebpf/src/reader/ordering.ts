/** Putting records of several rings into the order of their times. */

interface Entry<T, Time> {
  readonly time: Time;
  /** Place among all records pushed: records of one time keep their order. */
  readonly place: number;
  readonly record: T;
}

/**
 * Merges the records of several sources by time. Records are pushed as they are read; a watermark says up to which time
 * all sources have been read, and what lies before it is released in order. A record that is pushed after a later one
 * was released is an inversion: it is released at once with the next batch, at its place within that, and counted.
 *
 * Push order within a source need not be by time. Times are nanoseconds of any one clock, all of them bigint or all of
 * them numbers, which are faster, and exact up to 104 days.
 */
export class TimeOrderer<T, Time extends bigint | number = bigint> {
  /** A binary heap: each entry comes before the two at twice its index plus one and two. */
  readonly #heap: Entry<T, Time>[] = [];
  #place = 0;
  #released: Time | undefined;
  #inversions = 0;

  /** Records held back. */
  get size(): number {
    return this.#heap.length;
  }

  /** How many records came too late to be released in order. */
  get inversions(): number {
    return this.#inversions;
  }

  push(time: Time, record: T): void {
    if (this.#released !== undefined && time < this.#released) this.#inversions++;
    const heap = this.#heap;
    const entry = { time, place: this.#place++, record };
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!before(entry, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = entry;
  }

  /** Releases, in order, all records whose time is at most the watermark; returns how many. */
  release(watermark: Time, onRecord: (record: T, time: Time) => void): number {
    let count = 0;
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.time > watermark) return count;
      this.#emit(first, onRecord);
      count++;
    }
  }

  /** Releases everything: for the end, when no source will give any more. */
  flush(onRecord: (record: T, time: Time) => void): number {
    let count = 0;
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined) return count;
      this.#emit(first, onRecord);
      count++;
    }
  }

  #emit(first: Entry<T, Time>, onRecord: (record: T, time: Time) => void): void {
    this.#removeFirst();
    if (this.#released === undefined || first.time > this.#released) this.#released = first.time;
    onRecord(first.record, first.time);
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}

function before(a: Entry<unknown, bigint | number>, b: Entry<unknown, bigint | number>): boolean {
  return a.time < b.time || (a.time === b.time && a.place < b.place);
}
