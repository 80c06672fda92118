/**
 * The keys of sockets in the order in which a walk lists them, beside those of the walk before it. Both are read and written from one end
 * to the other, so that the CPU has them in its cache before they are needed. Pure.
 */
import { WALK_KEY_WORDS } from '../sockets/index.js';

const SMALLEST = 1024;
/** Room beyond what a walk has listed, for sockets that come in between. */
const SLACK = 1.25;

export class WalkKeys {
  /** Behind the keys of the last walk come those of this one, and from the end go on at the beginning, in the place of those. */
  #ring = new Uint32Array(0);
  /** How many keys the ring holds. */
  #room = 0;
  /** Where in the ring the keys of the last walk begin, and those of this one. */
  #lastFrom = 0;
  #from = 0;
  #lastCount = 0;
  /** So many keys of the last walk, from the first one on, are no longer there. */
  #gone = 0;
  #lastPut = -1;

  /** The position in this walk of the key that was put last; -1 before the first. */
  get lastPut(): number {
    return this.#lastPut;
  }

  /** Begins a walk. @param listed How many sockets the one before it has listed. */
  begin(listed: number): void {
    this.#lastFrom = this.#from;
    this.#lastCount = Math.min(listed, this.#lastPut + 1);
    this.#from = this.#place(this.#lastFrom, this.#lastCount);
    this.#gone = 0;
    this.#lastPut = -1;
    if (this.#room > 4 * SMALLEST && this.#lastCount < this.#room / 8) this.#forget();
  }

  #forget(): void {
    this.#ring = new Uint32Array(0);
    this.#room = 0;
    this.#lastFrom = 0;
    this.#from = 0;
    this.#lastCount = 0;
  }

  /**
   * Puts a key at a position of this walk. Positions ascend; one is put again where its socket was none of interest.
   *
   * @param expected A position in the last walk.
   * @returns whether the last walk has shown the same key there.
   */
  put(key: Uint32Array, position: number, expected: number): boolean {
    if (this.#lastCount + position >= this.#room) this.#makeRoom(position, expected);
    const ring = this.#ring;
    const to = this.#place(this.#from, position) * WALK_KEY_WORDS;
    this.#lastPut = position;
    if (expected < this.#gone || expected >= this.#lastCount) {
      for (let word = 0; word < WALK_KEY_WORDS; word++) ring[to + word] = key[word]!;
      return false;
    }
    const before = this.#place(this.#lastFrom, expected) * WALK_KEY_WORDS;
    let difference = 0;
    for (let word = 0; word < WALK_KEY_WORDS; word++) {
      const value = key[word]!;
      // Where the ring is full, both places are the same one.
      difference |= ring[before + word]! ^ value;
      ring[to + word] = value;
    }
    if (before === to) this.#gone = expected + 1;
    return difference === 0;
  }

  #place(from: number, position: number): number {
    const place = from + position;
    return place < this.#room ? place : place - this.#room;
  }

  /** Both walks do not fit the ring. @param expected Keys before this one are not needed any more. */
  #makeRoom(position: number, expected: number): void {
    // The key of the last walk in whose place the new one comes.
    const victim = this.#lastCount + position - this.#room;
    if (position < this.#room) {
      const isNeeded = victim > expected && victim < this.#lastCount;
      // Where all of the order is another one, comparing is of no use.
      const isLarge = this.#room > SLACK * this.#lastCount + SMALLEST;
      if (!isNeeded || isLarge) {
        this.#gone = Math.max(
          this.#gone,
          isNeeded ? this.#lastCount : victim === expected ? victim : victim + 1,
        );
        return;
      }
    }
    this.#grow(position, expected);
  }

  #grow(position: number, expected: number): void {
    const room = Math.ceil(SLACK * Math.max(this.#room, position)) + SMALLEST;
    const ring = new Uint32Array(room * WALK_KEY_WORDS);
    const copy = (place: number, to: number): void => {
      const from = place * WALK_KEY_WORDS;
      ring.set(this.#ring.subarray(from, from + WALK_KEY_WORDS), to * WALK_KEY_WORDS);
    };
    // What remains of the last walk goes where it would be if all of it were there.
    const hasRoomForBoth = this.#lastCount + position < room;
    const first = hasRoomForBoth ? Math.max(expected, this.#gone) : this.#lastCount;
    for (let at = first; at < this.#lastCount; at++) copy(this.#place(this.#lastFrom, at), at);
    const begin = hasRoomForBoth ? this.#lastCount : 0;
    for (let at = 0; at < position; at++) copy(this.#place(this.#from, at), begin + at);
    this.#ring = ring;
    this.#room = room;
    this.#lastFrom = 0;
    this.#from = begin;
    this.#gone = Math.min(first, this.#lastCount);
    if (!hasRoomForBoth) this.#lastCount = 0;
  }
}
