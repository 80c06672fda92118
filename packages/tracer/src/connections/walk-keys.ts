/**
 * The keys of sockets in the order in which a walk lists them, beside those of the walk before it. Both are read and written from one end
 * to the other, so that the CPU has them in its cache before they are needed. Pure.
 */
import { WALK_KEY_WORDS } from '../sockets/index.js';

/** Keys of a piece of memory. */
const PIECE_BITS = 10;
const PIECE = 1 << PIECE_BITS;
/** Pieces that are kept from one walk to the next, beside those with keys. */
const SPARE = 4;

export class WalkKeys {
  /**
   * The keys of the last walk and of this one, by position. A piece of which the walk is through serves this one; as long as the order is
   * the same, both have the same pieces, and nothing is written.
   */
  #last: (Uint32Array | undefined)[] = [];
  #now: (Uint32Array | undefined)[] = [];
  readonly #free: Uint32Array[] = [];
  #lastCount = 0;
  /** Pieces of the last walk before this one are no longer there. */
  #gone = 0;
  #lastPut = -1;

  /** The position in this walk of the key that was put last; -1 before the first. */
  get lastPut(): number {
    return this.#lastPut;
  }

  /** Begins a walk. @param listed How many sockets the one before it has listed. */
  begin(listed: number): void {
    this.#release(this.#last.length);
    this.#free.length = Math.min(this.#free.length, SPARE);
    this.#lastCount = Math.min(listed, this.#lastPut + 1);
    this.#last = this.#now;
    this.#now = [];
    this.#gone = 0;
    this.#lastPut = -1;
  }

  /**
   * Puts a key at a position of this walk. Positions ascend; one is put again where its socket was none of interest.
   *
   * @param expected A position in the last walk. What comes before it is not needed any more.
   * @returns whether the last walk has shown the same key there.
   */
  put(key: Uint32Array, position: number, expected: number): boolean {
    const piece = expected >>> PIECE_BITS;
    if (piece > this.#gone) this.#release(piece);
    const now = this.#now[position >>> PIECE_BITS] ?? this.#take(position, expected);
    // What the last walk has shown at this position is still to be compared.
    if (position > expected && this.#last[position >>> PIECE_BITS] === now)
      this.#last[position >>> PIECE_BITS] = now.slice();
    const to = (position & (PIECE - 1)) * WALK_KEY_WORDS;
    this.#lastPut = position;
    const last = expected < this.#lastCount ? this.#last[piece] : undefined;
    if (last === undefined) {
      for (let word = 0; word < WALK_KEY_WORDS; word++) now[to + word] = key[word]!;
      return false;
    }
    const from = (expected & (PIECE - 1)) * WALK_KEY_WORDS;
    let difference = 0;
    if (now === last && from === to) {
      for (let word = 0; word < WALK_KEY_WORDS; word++) difference |= now[to + word]! ^ key[word]!;
      if (difference !== 0) now.set(key, to);
      return difference === 0;
    }
    for (let word = 0; word < WALK_KEY_WORDS; word++) {
      const value = key[word]!;
      difference |= last[from + word]! ^ value;
      now[to + word] = value;
    }
    return difference === 0;
  }

  #take(position: number, expected: number): Uint32Array {
    const piece = position >>> PIECE_BITS;
    const same = position === expected && expected < this.#lastCount ? this.#last[piece] : undefined;
    const taken = same ?? this.#free.pop() ?? new Uint32Array(PIECE * WALK_KEY_WORDS);
    this.#now[piece] = taken;
    return taken;
  }

  /** Gives back the last walk's pieces before this one. */
  #release(end: number): void {
    const limit = Math.min(end, this.#last.length);
    for (let piece = this.#gone; piece < limit; piece++) {
      const released = this.#last[piece];
      if (released !== undefined && released !== this.#now[piece]) this.#free.push(released);
      this.#last[piece] = undefined;
    }
    this.#gone = Math.max(this.#gone, end);
  }
}
