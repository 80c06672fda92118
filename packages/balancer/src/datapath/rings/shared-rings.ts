/** Memory through which one thread hands rings to another, a bounded number of them at a time. */
import { RING_SIZE } from '../hash/flow.js';

/** Rings that are built and not yet used: 4 MiB. */
const SLOTS = 32;
/** Bytes of a slot. */
const SLOT_BYTES = RING_SIZE * 2;
/** Places in the counters. */
const CLAIMED = 0;
const USED = 1;
const COUNTERS = 2;
/** More than a ring ever takes, milliseconds. */
const LONGEST_MS = 1000;

/**
 * Rings by number, of which the builder and the user claim one after the other, so that none is built twice and neither waits
 * while there is something to build.
 */
export class SharedRings {
  readonly memory: SharedArrayBuffer;
  readonly #count: number;
  /** How many rings are claimed, and how many of the builder's the user has used. */
  readonly #counters: Int32Array;
  /** By ring: its number among those of the builder, from 1, once it is built. */
  readonly #built: Int32Array;
  readonly #slots: Uint16Array;
  /** The builder did not finish a ring that it had claimed. */
  #isLost = false;
  /** The last ring that the user asked for. */
  #asked = -1;

  /**
   * @param count Of rings.
   * @param memory That of the other side. Default: new memory.
   */
  constructor(count: number, memory?: SharedArrayBuffer) {
    const slotsAt = Int32Array.BYTES_PER_ELEMENT * (COUNTERS + count);
    this.memory = memory ?? new SharedArrayBuffer(slotsAt + SLOTS * SLOT_BYTES);
    this.#count = count;
    this.#counters = new Int32Array(this.memory, 0, COUNTERS);
    this.#built = new Int32Array(this.memory, this.#counters.byteLength, count);
    this.#slots = new Uint16Array(this.memory, slotsAt);
  }

  /** The builder's side: builds rings until all are claimed. Waits while all slots are in use. */
  buildAll(build: (index: number, ring: Uint16Array) => void): void {
    for (let built = 0; ; built++) {
      let used = Atomics.load(this.#counters, USED);
      while (built - used >= SLOTS) {
        Atomics.wait(this.#counters, USED, used);
        used = Atomics.load(this.#counters, USED);
      }
      const index = Atomics.add(this.#counters, CLAIMED, 1);
      if (index >= this.#count) return;
      build(index, this.#slot(built));
      Atomics.store(this.#built, index, built + 1);
      Atomics.notify(this.#built, index);
    }
  }

  /** The user's side: whether it has the ring to itself, and must build it. */
  claim(index: number): boolean {
    return (
      index < this.#count && Atomics.compareExchange(this.#counters, CLAIMED, index, index + 1) === index
    );
  }

  /** The user's side: whether the builder has claimed the ring and not finished it. */
  isUnderWay(index: number): boolean {
    return Atomics.load(this.#counters, CLAIMED) > index && Atomics.load(this.#built, index) === 0;
  }

  /**
   * The user's side: copies a ring of the builder's, for which it waits if need be. Rings are asked for in their order: behind
   * others, the memory of a ring may hold another one.
   *
   * @returns false if the user must build the ring.
   */
  take(index: number, ring: Uint16Array): boolean {
    if (index <= this.#asked) return false;
    this.#asked = index;
    if (this.#isLost || this.claim(index)) return false;
    if (Atomics.wait(this.#built, index, 0, LONGEST_MS) === 'timed-out') {
      this.#isLost = true;
      return false;
    }
    const built = Atomics.load(this.#built, index);
    ring.set(this.#slot(built - 1));
    Atomics.store(this.#counters, USED, built);
    Atomics.notify(this.#counters, USED);
    return true;
  }

  /** The user's side: no further ring is needed. */
  end(): void {
    Atomics.store(this.#counters, CLAIMED, this.#count);
    Atomics.store(this.#counters, USED, this.#count);
    Atomics.notify(this.#counters, USED);
  }

  #slot(built: number): Uint16Array {
    const at = (built % SLOTS) * RING_SIZE;
    return this.#slots.subarray(at, at + RING_SIZE);
  }
}
