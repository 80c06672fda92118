/** Memory in which events wait between the ring and their delivery: copies of the kernel's bytes, so that the ring is free again. */
import { sizeofTcpEvent } from '../generated/tcp.js';

const WORDS = sizeofTcpEvent / 4;
const BLOCK_BITS = 12;
/** Events in a block. */
const BLOCK = 1 << BLOCK_BITS;
/** A larger pool is given up once it is empty. */
const KEPT_BLOCKS = 16;

/** A pool of numbered places for events. It grows block by block, so that its content is never copied again. */
export class Staging {
  readonly #blocks: Uint32Array[] = [];
  readonly #views: DataView[] = [];
  readonly #free: number[] = [];
  #used = 0;
  #source: Uint32Array | undefined;

  /**
   * Copies an event.
   *
   * @param source Over memory that starts at a multiple of four bytes, as the ring does.
   * @returns its place until {@link release}.
   */
  put(source: DataView, offset: number): number {
    const place = this.#free.pop() ?? this.#append();
    if (this.#source?.buffer !== source.buffer) this.#source = new Uint32Array(source.buffer);
    const from = (source.byteOffset + offset) / 4;
    const to = (place % BLOCK) * WORDS;
    const words = this.#blocks[place >>> BLOCK_BITS]!;
    // A loop, since a view of a few bytes for each event would cost more than the copy.
    for (let word = 0; word < WORDS; word++) words[to + word] = this.#source[from + word]!;
    return place;
  }

  /** The memory in which an event is; see {@link offset}. */
  view(place: number): DataView {
    return this.#views[place >>> BLOCK_BITS]!;
  }

  /** Where in its {@link view} an event is, bytes. */
  offset(place: number): number {
    return (place % BLOCK) * sizeofTcpEvent;
  }

  /** Gives a place back. */
  release(place: number): void {
    this.#free.push(place);
    if (this.#free.length === this.#used && this.#blocks.length > KEPT_BLOCKS) this.#clear();
  }

  #clear(): void {
    this.#blocks.length = 0;
    this.#views.length = 0;
    this.#free.length = 0;
    this.#used = 0;
  }

  #append(): number {
    if (this.#used === this.#blocks.length * BLOCK) {
      const block = new Uint32Array(BLOCK * WORDS);
      this.#blocks.push(block);
      this.#views.push(new DataView(block.buffer));
    }
    return this.#used++;
  }
}
