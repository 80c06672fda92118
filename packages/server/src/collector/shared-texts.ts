/** Texts that many rows of a batch have in common, each group of them found out once. */
import type { EndRow } from '@weir/history/schema';
import type { StringTable } from '../wire/table-encoder.js';
import { NONE } from './event-pairs.js';
import { PlaceCache } from './place-cache.js';

/** Places of the texts of some columns, by what these follow from. They are kept as long as the table of texts is the same. */
export class SharedTexts {
  readonly texts: readonly (keyof EndRow)[];
  readonly #strings: StringTable;
  readonly #cache: PlaceCache;
  /** The texts of each key, one after the other. */
  #places = new Int32Array(64);
  /** For each column: some key has a text there. */
  readonly #isThere: boolean[];
  #batch: unknown;

  /** @param words Of a key. */
  constructor(words: number, texts: readonly (keyof EndRow)[], strings: StringTable) {
    this.#cache = new PlaceCache(words);
    this.texts = texts;
    this.#strings = strings;
    this.#isThere = texts.map(() => false);
  }

  /** Whether any key so far has a text in a column. */
  isThere(column: number): boolean {
    return this.#isThere[column]!;
  }

  /** Forgets all keys. */
  clear(): void {
    this.#cache.clear();
    this.#isThere.fill(false);
  }

  /**
   * Finds the keys of rows.
   *
   * @param keys One after the other.
   * @param rows The row of each.
   * @param entries Gets the number of each.
   * @param rowOf Makes a row, for the first one of its kind.
   * @returns places of texts: those of key 0, then those of key 1; {@link NONE} where there is none
   */
  find(
    keys: Uint32Array,
    rows: Int32Array,
    count: number,
    entries: Int32Array,
    rowOf: (row: number) => EndRow,
  ): Int32Array {
    if (this.#batch !== this.#strings.strings) this.clear();
    this.#batch = this.#strings.strings;
    let known = this.#cache.size;
    this.#cache.findAll(keys, count, entries);
    for (let index = 0; known < this.#cache.size; index++) {
      if (entries[index]! < known) continue;
      this.#add(known++, rowOf(rows[index]!));
    }
    return this.#places;
  }

  #add(entry: number, row: EndRow): void {
    const { texts } = this;
    const at = entry * texts.length;
    if (this.#places.length < at + texts.length) {
      const places = new Int32Array(2 * (at + texts.length));
      places.set(this.#places);
      this.#places = places;
    }
    for (let column = 0; column < texts.length; column++) {
      const text = row[texts[column]!];
      this.#places[at + column] = text === undefined ? NONE : this.#strings.place(text as string);
      if (text !== undefined) this.#isThere[column] = true;
    }
  }
}
