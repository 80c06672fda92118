/** Numbers rows by what they have in common. Pure. */

const FIRST_ENTRIES = 64;

/** Gives equal keys one number, from 0 in the order in which they come. Keys are some numbers each. */
export class PlaceCache {
  /** The key to look for. */
  readonly key: Float64Array;
  #keys: Float64Array;
  #slots: Int32Array;
  #entries = 0;
  #last = 0;

  /** @param length Numbers of a key. */
  constructor(length: number) {
    this.key = new Float64Array(length);
    this.#keys = new Float64Array(length * FIRST_ENTRIES);
    this.#slots = new Int32Array(2 * FIRST_ENTRIES);
  }

  /** Forgets all keys. */
  clear(): void {
    this.#entries = 0;
    this.#slots.fill(0);
  }

  /** The number of the key; that of a new one is the number of keys before. */
  find(): number {
    // Neighbours mostly have the same.
    if (this.#last < this.#entries && this.#is(this.#last)) return this.#last;
    const mask = this.#slots.length - 1;
    let slot = this.#hash() & mask;
    for (;;) {
      const entry = this.#slots[slot]! - 1;
      if (entry < 0) return this.#add(slot);
      if (this.#is(entry)) {
        this.#last = entry;
        return entry;
      }
      slot = (slot + 1) & mask;
    }
  }

  #is(entry: number): boolean {
    const { key } = this;
    const start = entry * key.length;
    for (let index = 0; index < key.length; index++)
      if (this.#keys[start + index] !== key[index]) return false;
    return true;
  }

  #hash(): number {
    const { key } = this;
    let hash = 0;
    for (let index = 0; index < key.length; index++) {
      hash = Math.imul(hash ^ (key[index]! % 2 ** 32), 0x9e37_79b1);
      hash ^= hash >>> 15;
    }
    return hash;
  }

  #add(slot: number): number {
    const entry = this.#entries++;
    this.#keys.set(this.key, entry * this.key.length);
    this.#slots[slot] = entry + 1;
    this.#last = entry;
    if (2 * this.#entries === this.#slots.length) this.#grow();
    return entry;
  }

  #grow(): void {
    const { length } = this.key;
    const keys = new Float64Array(2 * this.#keys.length);
    keys.set(this.#keys);
    this.#keys = keys;
    const slots = new Int32Array(2 * this.#slots.length);
    const wanted = this.key.slice();
    for (let entry = 0; entry < this.#entries; entry++) {
      this.key.set(keys.subarray(entry * length, (entry + 1) * length));
      let slot = this.#hash() & (slots.length - 1);
      while (slots[slot] !== 0) slot = (slot + 1) & (slots.length - 1);
      slots[slot] = entry + 1;
    }
    this.#slots = slots;
    this.key.set(wanted);
  }
}
