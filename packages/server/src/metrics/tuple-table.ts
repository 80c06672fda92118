/** A table by keys of several small numbers. Pure. */

const FIRST_SLOTS = 1024;

/** Values by keys of so many numbers; no text is made to find one. */
export class TupleTable<Value> {
  readonly #width: number;
  /** Place of an entry plus one, by hash; 0: none. */
  #slots = new Int32Array(FIRST_SLOTS);
  #keys: Int32Array;
  #values: Value[] = [];

  /** @param width Numbers of a key. */
  constructor(width: number) {
    this.#width = width;
    this.#keys = new Int32Array((FIRST_SLOTS / 2) * width);
  }

  /** The value of a key; undefined if there is none. */
  get(key: Int32Array): Value | undefined {
    const place = this.#slots[this.#slotOf(key)]!;
    return place === 0 ? undefined : this.#values[place - 1];
  }

  /** Adds a key that is not there yet. */
  add(key: Int32Array, value: Value): void {
    if (this.#values.length * 2 >= this.#slots.length) this.#grow();
    this.#keys.set(key, this.#values.length * this.#width);
    this.#slots[this.#slotOf(key)] = this.#values.push(value);
  }

  /** Where a key is, or the free slot where it would be. */
  #slotOf(key: Int32Array): number {
    const width = this.#width;
    const mask = this.#slots.length - 1;
    let hash = 0;
    for (let index = 0; index < width; index++)
      hash = Math.imul(hash ^ key[index]!, 0x9e3779b1) ^ (hash >>> 15);
    let slot = (hash ^ (hash >>> 16)) & mask;
    for (;;) {
      const place = this.#slots[slot]!;
      if (place === 0 || this.#isKey((place - 1) * width, key)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #isKey(start: number, key: Int32Array): boolean {
    for (let index = 0; index < this.#width; index++)
      if (this.#keys[start + index] !== key[index]) return false;
    return true;
  }

  #grow(): void {
    const width = this.#width;
    const keys = this.#keys;
    this.#slots = new Int32Array(this.#slots.length * 2);
    this.#keys = new Int32Array((this.#slots.length / 2) * width);
    this.#keys.set(keys);
    for (let place = 0; place < this.#values.length; place++) {
      const slot = this.#slotOf(keys.subarray(place * width, (place + 1) * width));
      this.#slots[slot] = place + 1;
    }
  }
}
