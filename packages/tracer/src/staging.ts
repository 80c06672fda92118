/** Where events wait between the ring and their delivery: copies of the kernel's bytes, so that the ring is free again. */
import { sizeofTcpEvent } from './generated/tcp.js';

const WORDS = sizeofTcpEvent / 4;
const FIRST_CAPACITY = 4096;

/** A pool of places for events, in one buffer that grows as needed. */
export class Staging {
  #words = new Uint32Array(FIRST_CAPACITY * WORDS);
  #view = new DataView(this.#words.buffer);
  readonly #free: number[] = [];
  #used = 0;
  #source: Uint32Array | undefined;

  /** The events' bytes; see {@link put}. Another one after the pool has grown. */
  get view(): DataView {
    return this.#view;
  }

  /**
   * Copies an event.
   *
   * @param source Over memory that starts at a multiple of four bytes, as the ring does.
   * @returns where it is now, in bytes; its place until {@link release}.
   */
  put(source: DataView, offset: number): number {
    const place = this.#free.pop() ?? this.#append();
    if (this.#source?.buffer !== source.buffer) this.#source = new Uint32Array(source.buffer);
    const from = (source.byteOffset + offset) / 4;
    const to = place / 4;
    // A loop, since a view of a few bytes for each event would cost more than the copy.
    for (let word = 0; word < WORDS; word++) this.#words[to + word] = this.#source[from + word]!;
    return place;
  }

  /** Gives a place back. */
  release(place: number): void {
    this.#free.push(place);
  }

  #append(): number {
    const place = this.#used * sizeofTcpEvent;
    this.#used++;
    if (this.#used * WORDS > this.#words.length) {
      const grown = new Uint32Array(this.#words.length * 2);
      grown.set(this.#words);
      this.#words = grown;
      this.#view = new DataView(grown.buffer);
    }
    return place;
  }
}
