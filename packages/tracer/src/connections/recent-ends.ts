/** Ends of connections, each kept until the second pass after it. Beyond a limit, the oldest go. */
import { NumberIndex } from './number-index.js';
import { hashTuple, sameTuple, TUPLE_WORDS } from './tuple.js';

export class RecentEnds {
  readonly #limit: number;
  readonly #index = new NumberIndex();
  /** A ring; undefined before the first one is added. */
  #words: Uint32Array | undefined;
  /** Counted since the start, as the two below: the oldest. */
  #first = 0;
  /** The first one that was added since the last pass. */
  #passed = 0;
  #end = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#end - this.#first;
  }

  /** @param ends Words of a tuple. */
  add(ends: Uint32Array): void {
    this.#words ??= new Uint32Array(this.#limit * TUPLE_WORDS);
    if (this.size === this.#limit) this.#forgetFirst();
    const place = this.#end++ % this.#limit;
    this.#words.set(ends, place * TUPLE_WORDS);
    this.#index.add(hashTuple(ends, 0), place);
  }

  has(ends: Uint32Array): boolean {
    if (this.#words === undefined) return false;
    const index = this.#index;
    for (let place = index.first(hashTuple(ends, 0)); place >= 0; place = index.next())
      if (sameTuple(ends, 0, this.#words, place * TUPLE_WORDS)) return true;
    return false;
  }

  /** Forgets those that were there at the last pass. */
  pass(): void {
    while (this.#first < this.#passed) this.#forgetFirst();
    this.#passed = this.#end;
  }

  #forgetFirst(): void {
    const place = this.#first++ % this.#limit;
    this.#index.remove(hashTuple(this.#words!, place * TUPLE_WORDS), place);
  }
}
