/** Pieces of text for words of an event. Each has two places, to which its words lead, and leaves its own to a later one. */
import type { Fragment } from './byte-writer.js';

/** Some bytes of an event, multiples of four. */
export interface KeyPart {
  readonly at: number;
  readonly bytes: number;
}

export class FragmentCache {
  readonly #words: readonly number[];
  readonly #size: number;
  readonly #keys: Uint32Array;
  readonly #fragments: (Fragment | undefined)[];
  /** The first of the two places to which the words of the last {@link find} lead. */
  #place = 0;

  /**
   * @param key What a piece of text depends on.
   * @param size Places, a power of two.
   */
  constructor(key: readonly KeyPart[], size: number) {
    this.#words = key.flatMap(({ at, bytes }) =>
      Array.from({ length: bytes / 4 }, (_, word) => at + 4 * word),
    );
    this.#size = size;
    this.#keys = new Uint32Array(size * this.#words.length);
    this.#fragments = new Array<Fragment | undefined>(size).fill(undefined);
  }

  find(view: DataView, offset: number): Fragment | undefined {
    const words = this.#words;
    let hash = 0;
    for (let index = 0; index < words.length; index++) {
      hash = Math.imul(hash ^ view.getUint32(offset + words[index]!, true), 0x9e3779b1);
      hash = (hash << 13) | (hash >>> 19);
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    const place = (hash ^ (hash >>> 13)) & (this.#size - 2);
    this.#place = place;
    if (this.#holds(place, view, offset)) return this.#fragments[place];
    return this.#holds(place + 1, view, offset) ? this.#fragments[place + 1] : undefined;
  }

  #holds(place: number, view: DataView, offset: number): boolean {
    const words = this.#words;
    const base = place * words.length;
    for (let index = 0; index < words.length; index++) {
      if (this.#keys[base + index] !== view.getUint32(offset + words[index]!, true)) return false;
    }
    return true;
  }

  /** Keeps what the last {@link find} did not find; what was at its first place moves to the second. */
  keep(view: DataView, offset: number, fragment: Fragment): Fragment {
    const count = this.#words.length;
    const from = this.#place * count;
    this.#keys.copyWithin((this.#place + 1) * count, from, from + count);
    this.#fragments[this.#place + 1] = this.#fragments[this.#place];
    for (const [index, word] of this.#words.entries()) {
      this.#keys[from + index] = view.getUint32(offset + word, true);
    }
    this.#fragments[this.#place] = fragment;
    return fragment;
  }
}
