/** What waits for the reader, in order: a ring that holds no more than is in it now, or was at most. */
const FIRST_CAPACITY = 1024;
/** A larger ring is given up once it is empty. */
const KEPT_CAPACITY = 65_536;

export class RecordQueue<Item> {
  #items: (Item | undefined)[] = new Array(FIRST_CAPACITY);
  #first = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Places of the ring, a power of two. */
  get capacity(): number {
    return this.#items.length;
  }

  push(item: Item): void {
    if (this.#length === this.#items.length) this.#grow();
    this.#items[this.#place(this.#length)] = item;
    this.#length++;
  }

  /** Removes the oldest. There must be one. */
  shift(): Item {
    const item = this.#items[this.#first]!;
    this.#items[this.#first] = undefined;
    this.#first = this.#place(1);
    this.#length--;
    if (this.#length === 0 && this.#items.length > KEPT_CAPACITY) this.#items = new Array(FIRST_CAPACITY);
    if (this.#length === 0) this.#first = 0;
    return item;
  }

  /** @param index 0 for the oldest, below the length. */
  at(index: number): Item {
    return this.#items[this.#place(index)]!;
  }

  /** Removes the newest, beyond a length, and returns them from the oldest on. */
  truncate(length: number): Item[] {
    const removed: Item[] = [];
    for (let index = length; index < this.#length; index++) {
      const place = this.#place(index);
      removed.push(this.#items[place]!);
      this.#items[place] = undefined;
    }
    this.#length = Math.min(this.#length, length);
    return removed;
  }

  #place(index: number): number {
    return (this.#first + index) & (this.#items.length - 1);
  }

  #grow(): void {
    const { length } = this.#items;
    const items = new Array<Item | undefined>(2 * length);
    for (let index = 0; index < length; index++) items[index] = this.at(index);
    this.#items = items;
    this.#first = 0;
  }
}
