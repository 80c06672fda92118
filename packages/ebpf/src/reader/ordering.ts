/** Putting records of several rings into the order of their times. */

/** How far a record is moved forward when it is pushed; beyond that, all are sorted later. */
const NEAR = 32;

/**
 * Merges the records of several sources by time. Records are pushed as they are read; a watermark says up to which time
 * all sources have been read, and what lies before it is released in order. A record that is pushed after a later one
 * was released is an inversion: it is released at once with the next batch, at its place within that, and counted.
 *
 * Push order within a source need not be by time, but is cheapest if it nearly is: sorting finds the runs that are in
 * order already. Records of one time keep their order. Times are nanoseconds of any one clock, all of them bigint or
 * all of them numbers, which are faster, and exact up to 104 days.
 */
export class TimeOrderer<T, Time extends bigint | number = bigint> {
  #times: Time[] = [];
  #records: T[] = [];
  #sorted = true;
  #released: Time | undefined;
  #inversions = 0;

  /** Records held back. */
  get size(): number {
    return this.#times.length;
  }

  /** How many records came too late to be released in order. */
  get inversions(): number {
    return this.#inversions;
  }

  /** Takes in a record with its time. */
  push(time: Time, record: T): void {
    if (this.#released !== undefined && time < this.#released) this.#inversions++;
    const times = this.#times;
    const { length } = times;
    const late = length > 0 && time < times[length - 1]!;
    times.push(time);
    this.#records.push(record);
    if (late && this.#sorted) this.#sorted = this.#moveForward(length);
  }

  /** Moves the record at a place to where it belongs, if that is near. */
  #moveForward(place: number): boolean {
    const times = this.#times;
    const records = this.#records;
    const time = times[place]!;
    let to = place;
    const first = Math.max(0, place - NEAR);
    while (to > first && times[to - 1]! > time) to--;
    if (to > 0 && times[to - 1]! > time) return false;
    const record = records[place]!;
    for (let index = place; index > to; index--) {
      times[index] = times[index - 1]!;
      records[index] = records[index - 1]!;
    }
    times[to] = time;
    records[to] = record;
    return true;
  }

  /** Releases, in order, all records whose time is at most the watermark; returns how many. */
  release(watermark: Time, onRecord: (record: T, time: Time) => void): number {
    this.#sort();
    const times = this.#times;
    let count = 0;
    while (count < times.length && times[count]! <= watermark) count++;
    return this.#emit(count, onRecord);
  }

  /** Releases everything: for the end, when no source will give any more. */
  flush(onRecord: (record: T, time: Time) => void): number {
    this.#sort();
    return this.#emit(this.#times.length, onRecord);
  }

  #emit(count: number, onRecord: (record: T, time: Time) => void): number {
    const times = this.#times;
    const records = this.#records;
    // Records that are pushed meanwhile belong behind those held back.
    this.#times = count === times.length ? [] : times.slice(count);
    this.#records = count === records.length ? [] : records.slice(count);
    for (let index = 0; index < count; index++) {
      const time = times[index]!;
      if (this.#released === undefined || time > this.#released) this.#released = time;
      onRecord(records[index]!, time);
    }
    return count;
  }

  #sort(): void {
    if (this.#sorted) return;
    this.#sorted = true;
    const times = this.#times;
    const records = this.#records;
    const compare = (a: number, b: number): number =>
      times[a]! < times[b]! ? -1 : times[a]! > times[b]! ? 1 : a - b;
    // Array's sort, unlike that of typed arrays, profits from runs that are in order.
    const places = Array.from(times.keys()).sort(compare);
    this.#times = places.map((place) => times[place]!);
    this.#records = places.map((place) => records[place]!);
  }
}
