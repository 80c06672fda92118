/** Numbers rows by what they have in common. Pure. */

const FIRST_ENTRIES = 64;

/** Gives equal keys one number, from 0 in the order in which they come. Keys are some words of 32 bits each. */
export class PlaceCache {
  /** Words of a key. */
  readonly length: number;
  #keys: Uint32Array;
  /** One more than an entry; 0: free. */
  #slots = new Int32Array(2 * FIRST_ENTRIES);
  #entries = 0;
  /** The last two that were found: neighbours mostly have one of these, as both ends of connections on one host take turns. */
  #last = 0;
  #before = 0;

  /** @param length Words of a key. */
  constructor(length: number) {
    this.length = length;
    this.#keys = new Uint32Array(length * FIRST_ENTRIES);
  }

  /** Keys so far. */
  get size(): number {
    return this.#entries;
  }

  /** Forgets all keys. */
  clear(): void {
    this.#entries = 0;
    this.#last = this.#before = 0;
    this.#slots.fill(0);
  }

  /** Finds the number of each key; that of a new one is the number of keys before. @param keys One after the other. */
  findAll(keys: Uint32Array, count: number, entries: Int32Array): void {
    for (let index = 0, at = 0; index < count; index++, at += this.length)
      entries[index] = this.#find(keys, at);
  }

  #find(keys: Uint32Array, at: number): number {
    if (this.#entries > 0) {
      if (this.#is(this.#last, keys, at)) return this.#last;
      if (this.#is(this.#before, keys, at)) {
        const entry = this.#before;
        this.#before = this.#last;
        this.#last = entry;
        return entry;
      }
    }
    const entry = this.#search(keys, at);
    this.#before = this.#last;
    this.#last = entry;
    return entry;
  }

  #search(keys: Uint32Array, at: number): number {
    const mask = this.#slots.length - 1;
    let slot = this.#hash(keys, at) & mask;
    for (;;) {
      const entry = this.#slots[slot]! - 1;
      if (entry < 0) return this.#add(slot, keys, at);
      if (this.#is(entry, keys, at)) return entry;
      slot = (slot + 1) & mask;
    }
  }

  #is(entry: number, keys: Uint32Array, at: number): boolean {
    const own = this.#keys;
    const { length } = this;
    for (let word = 0, start = entry * length; word < length; word++)
      if (own[start + word] !== keys[at + word]) return false;
    return true;
  }

  #hash(keys: Uint32Array, at: number): number {
    let hash = 0;
    for (let word = 0; word < this.length; word++) {
      hash = Math.imul(hash ^ keys[at + word]!, 0x9e37_79b1);
      hash ^= hash >>> 15;
    }
    return hash;
  }

  #add(slot: number, keys: Uint32Array, at: number): number {
    const entry = this.#entries++;
    for (let word = 0; word < this.length; word++) this.#keys[entry * this.length + word] = keys[at + word]!;
    this.#slots[slot] = entry + 1;
    if (2 * this.#entries === this.#slots.length) this.#grow();
    return entry;
  }

  #grow(): void {
    const keys = new Uint32Array(2 * this.#keys.length);
    keys.set(this.#keys);
    this.#keys = keys;
    const slots = new Int32Array(2 * this.#slots.length);
    const mask = slots.length - 1;
    for (let entry = 0; entry < this.#entries; entry++) {
      let slot = this.#hash(keys, entry * this.length) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = entry + 1;
    }
    this.#slots = slots;
  }
}
