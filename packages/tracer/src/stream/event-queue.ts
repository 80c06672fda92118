/**
 * Events between the ring and the reader: a ring of places in the staging, in the order of their times. Its first part is
 * released, in order for good; events of the second part may still be preceded by others.
 */
const FIRST_CAPACITY = 1024;
/** A larger ring is given up once it is empty. */
const KEPT_CAPACITY = 65_536;
/** How far an event is moved forward when it is pushed; beyond that, the second part is sorted before it is released. */
const NEAR = 64;

export class EventQueue {
  #times = new Float64Array(FIRST_CAPACITY);
  #places = new Uint32Array(FIRST_CAPACITY);
  /** Counted since the start, as the two below: the oldest. */
  #first = 0;
  /** The end of the first part. */
  #released = 0;
  #end = 0;
  #sorted = true;
  #newestReleased = Number.NEGATIVE_INFINITY;
  /** Events that came older than one already released. */
  inversions = 0;

  /** Released events that wait. */
  get length(): number {
    return this.#released - this.#first;
  }

  /** All events, released or not. */
  get size(): number {
    return this.#end - this.#first;
  }

  /** Places of the ring, a power of two. */
  get capacity(): number {
    return this.#times.length;
  }

  /** @param time Nanoseconds. */
  push(time: number, place: number): void {
    if (this.#end - this.#first === this.#times.length) this.#resize(2 * this.#times.length);
    const times = this.#times;
    const places = this.#places;
    const mask = times.length - 1;
    if (time < this.#newestReleased) this.inversions++;
    let to = this.#end++;
    const nearest = Math.max(this.#released, to - NEAR);
    while (to > nearest && times[(to - 1) & mask]! > time) {
      times[to & mask] = times[(to - 1) & mask]!;
      places[to & mask] = places[(to - 1) & mask]!;
      to--;
    }
    if (to > this.#released && times[(to - 1) & mask]! > time) this.#sorted = false;
    times[to & mask] = time;
    places[to & mask] = place;
  }

  /**
   * Adds events in places that follow each other, as far as they are in order: no older than any other, and than the one before.
   *
   * @param times Theirs, from `from` on.
   * @param place Of the first.
   * @param step From one place to the next.
   * @returns how many were added: the first ones.
   */
  pushRun(times: Float64Array, from: number, count: number, place: number, step: number): number {
    while (this.#end - this.#first + count > this.#times.length) this.#resize(2 * this.#times.length);
    const ownTimes = this.#times;
    const places = this.#places;
    const mask = ownTimes.length - 1;
    const end = this.#end;
    let newest = this.#newestReleased;
    // The last one is the newest also where the second part is not sorted: whatever is older was put before it.
    if (end > this.#released) newest = Math.max(newest, ownTimes[(end - 1) & mask]!);
    let index = 0;
    for (; index < count; index++) {
      const time = times[from + index]!;
      if (time < newest) break;
      newest = time;
      ownTimes[(end + index) & mask] = time;
      places[(end + index) & mask] = place + index * step;
    }
    this.#end = end + index;
    return index;
  }

  /** Releases all up to a time. @returns how many. */
  release(time: number): number {
    if (!this.#sorted) this.#sort();
    const times = this.#times;
    const mask = times.length - 1;
    const from = this.#released;
    const all = this.#end > from && times[(this.#end - 1) & mask]! <= time;
    let to = all ? this.#end : from;
    while (to < this.#end && times[to & mask]! <= time) to++;
    this.#released = to;
    if (to > from) this.#newestReleased = Math.max(this.#newestReleased, times[(to - 1) & mask]!);
    return to - from;
  }

  /** Adds a place behind the released events, before the others. */
  append(place: number): void {
    if (this.#end - this.#first === this.#times.length) this.#resize(2 * this.#times.length);
    const mask = this.#times.length - 1;
    for (let to = this.#end++; to > this.#released; to--) this.#move(to - 1, to, mask);
    this.#times[this.#released & mask] = this.#newestReleased;
    this.#places[this.#released++ & mask] = place;
  }

  #move(from: number, to: number, mask: number): void {
    this.#times[to & mask] = this.#times[from & mask]!;
    this.#places[to & mask] = this.#places[from & mask]!;
  }

  /** Removes the oldest released event, of which there must be one. @returns its place. */
  shift(): number {
    const place = this.at(0);
    this.remove(1);
    return place;
  }

  /** Removes the oldest released events. @param count At most {@link length}. */
  remove(count: number): void {
    this.#first += count;
    if (this.#first === this.#end && this.#places.length > KEPT_CAPACITY) this.#resize(FIRST_CAPACITY);
  }

  /** The place of an event. @param index 0 for the oldest, below {@link size}. */
  at(index: number): number {
    return this.#places[(this.#first + index) & (this.#places.length - 1)]!;
  }

  /**
   * The number of events from one on whose places follow each other.
   *
   * @param index 0 for the oldest, below {@link size}.
   * @param step From one place to the next.
   */
  runLength(index: number, limit: number, step: number): number {
    const places = this.#places;
    const mask = places.length - 1;
    const from = this.#first + index;
    const place = places[from & mask]!;
    const most = Math.min(limit, this.#end - from);
    let count = 1;
    while (count < most && places[(from + count) & mask]! === place + count * step) count++;
    return count;
  }

  /** Gives events other places, which follow each other. @param index Of the first; 0 for the oldest. */
  moveRun(index: number, count: number, place: number): void {
    const mask = this.#places.length - 1;
    for (let done = 0; done < count; done++) this.#places[(this.#first + index + done) & mask] = place + done;
  }

  /** Removes the newest released events, beyond so many. @returns their places, from the oldest on. */
  truncate(length: number): number[] {
    const removed: number[] = [];
    for (let index = length; index < this.length; index++) removed.push(this.at(index));
    const mask = this.#times.length - 1;
    for (let from = this.#released; from < this.#end; from++) this.#move(from, from - removed.length, mask);
    this.#released -= removed.length;
    this.#end -= removed.length;
    return removed;
  }

  #resize(capacity: number): void {
    const [times, places, mask] = [this.#times, this.#places, this.#times.length - 1];
    this.#times = new Float64Array(capacity);
    this.#places = new Uint32Array(capacity);
    for (let from = this.#first; from < this.#end; ) {
      const [old, place] = [from & mask, from & (capacity - 1)];
      // Up to where either ring starts anew.
      const count = Math.min(this.#end - from, times.length - old, capacity - place);
      this.#times.set(times.subarray(old, old + count), place);
      this.#places.set(places.subarray(old, old + count), place);
      from += count;
    }
  }

  /** Sorts the second part. Events of one time keep their order. */
  #sort(): void {
    this.#sorted = true;
    const mask = this.#times.length - 1;
    const count = this.#end - this.#released;
    const times = Float64Array.from(
      { length: count },
      (_, index) => this.#times[(this.#released + index) & mask]!,
    );
    const places = Uint32Array.from(
      { length: count },
      (_, index) => this.#places[(this.#released + index) & mask]!,
    );
    // Array's sort, unlike that of typed arrays, profits from runs that are in order: each CPU's are.
    const order = Array.from(times.keys()).sort((a, b) => times[a]! - times[b]! || a - b);
    for (const [index, from] of order.entries()) {
      this.#times[(this.#released + index) & mask] = times[from]!;
      this.#places[(this.#released + index) & mask] = places[from]!;
    }
  }
}
