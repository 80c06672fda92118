/**
 * A map that forgets its oldest entries.
 *
 * @module @weir/ebpf/bounded-map
 */

/**
 * A map of at most so many entries. Its order is that in which keys were last set, the longest ago first; setting a key
 * again makes it the newest, reading it does not. A new key that finds the map full evicts the oldest one.
 */
export class BoundedMap<Key, Value> extends Map<Key, Value> {
  readonly #limit: number;
  readonly #onEvict: ((key: Key, value: Value) => void) | undefined;
  /**
   * Stands before the oldest entry. A new iterator would pass the places of all entries that were removed since the
   * engine last rebuilt its table: at 65,536 entries, that takes 20 microseconds.
   */
  #oldest: MapIterator<[Key, Value]> | undefined;
  /** Sets since the last eviction. An iterator that stands still keeps the tables alive that were rebuilt meanwhile. */
  #sets = 0;

  /**
   * Makes an empty map.
   *
   * @param limit Entries, 1 or more.
   * @param onEvict Called with each entry that makes room for another, after its removal.
   */
  constructor(limit: number, onEvict?: (key: Key, value: Value) => void) {
    super();
    this.#limit = limit;
    this.#onEvict = onEvict;
  }

  /** Sets a key, which becomes the newest one. */
  override set(key: Key, value: Value): this {
    if (!this.delete(key) && this.size >= this.#limit) this.#evict();
    else if (++this.#sets > this.#limit) this.#oldest = undefined;
    return super.set(key, value);
  }

  #evict(): void {
    this.#sets = 0;
    this.#oldest ??= this.entries();
    const next = this.#oldest.next();
    if (next.done === true) return;
    const [key, value] = next.value;
    this.delete(key);
    this.#onEvict?.(key, value);
  }
}
