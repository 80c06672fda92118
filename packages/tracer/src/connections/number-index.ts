/** An index from hashes to numbers, in one block of memory: open addressing, without marks for what was removed. */

const SMALLEST = 64;

export class NumberIndex {
  /** Pairs of a hash and one more than a number; 0: free. */
  #slots = new Int32Array(2 * SMALLEST);
  #mask = SMALLEST - 1;
  #size = 0;
  /** Where {@link next} goes on, and the hash it goes on for. */
  #cursor = 0;
  #hash = 0;

  get size(): number {
    return this.#size;
  }

  /** The first number with this hash, or -1; others may have the same hash. */
  first(hash: number): number {
    this.#hash = hash;
    this.#cursor = hash & this.#mask;
    return this.next();
  }

  /** The next number with the hash that {@link first} was asked for, or -1. */
  next(): number {
    const slots = this.#slots;
    for (;;) {
      const slot = 2 * this.#cursor;
      const number = slots[slot + 1]!;
      if (number === 0) return -1;
      this.#cursor = (this.#cursor + 1) & this.#mask;
      if (slots[slot] === this.#hash) return number - 1;
    }
  }

  /** All numbers, in no order. */
  *[Symbol.iterator](): Generator<number> {
    const slots = this.#slots;
    for (let slot = 1; slot < slots.length; slot += 2) if (slots[slot] !== 0) yield slots[slot]! - 1;
  }

  clear(): void {
    this.#size = 0;
    this.#resize(SMALLEST, false);
  }

  /** @param hash 32 bits, with a sign. @param number Below 2^31 - 1; not in the index with this hash yet. */
  add(hash: number, number: number): void {
    if ((this.#size + 1) * 8 > (this.#mask + 1) * 7) this.#resize(2 * (this.#mask + 1));
    this.#put(hash, number + 1);
    this.#size++;
  }

  /** Removes what was added; nothing where it was not. */
  remove(hash: number, number: number): void {
    let slot = this.#find(hash, number + 1);
    if (slot < 0) return;
    this.#size--;
    const slots = this.#slots;
    // What follows without a gap moves up, unless its own place is behind the gap.
    for (let at = (slot + 1) & this.#mask; slots[2 * at + 1] !== 0; at = (at + 1) & this.#mask) {
      const home = slots[2 * at]! & this.#mask;
      if (((at - home) & this.#mask) < ((at - slot) & this.#mask)) continue;
      slots[2 * slot] = slots[2 * at]!;
      slots[2 * slot + 1] = slots[2 * at + 1]!;
      slot = at;
    }
    slots[2 * slot + 1] = 0;
    if (this.#size === 0 && this.#mask >= SMALLEST) this.#resize(SMALLEST);
  }

  #find(hash: number, stored: number): number {
    const slots = this.#slots;
    for (let at = hash & this.#mask; slots[2 * at + 1] !== 0; at = (at + 1) & this.#mask) {
      if (slots[2 * at + 1] === stored && slots[2 * at] === hash) return at;
    }
    return -1;
  }

  #put(hash: number, stored: number): void {
    const slots = this.#slots;
    let at = hash & this.#mask;
    while (slots[2 * at + 1] !== 0) at = (at + 1) & this.#mask;
    slots[2 * at] = hash;
    slots[2 * at + 1] = stored;
  }

  #resize(capacity: number, keeps = true): void {
    const old = this.#slots;
    this.#slots = new Int32Array(2 * capacity);
    this.#mask = capacity - 1;
    if (!keeps) return;
    for (let slot = 0; slot < old.length; slot += 2) {
      if (old[slot + 1] !== 0) this.#put(old[slot]!, old[slot + 1]!);
    }
  }
}
