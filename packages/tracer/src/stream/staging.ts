/** Memory in which events wait between the ring and their delivery: copies of the kernel's bytes, so that the ring is free again. */
import { sizeofTcpEvent } from '../generated/tcp.js';

/** What a ring buffer has before each record. */
const RING_HEADER = 8;
/**
 * Bytes from one event to the next, as in a ring buffer: what lies one after the other there is copied at once, which costs
 * a fraction of copying each event.
 */
export const EVENT_STRIDE = sizeofTcpEvent + RING_HEADER;
/** The same in words of 32 bits. */
export const EVENT_STRIDE_WORDS = EVENT_STRIDE / 4;
const WORDS = sizeofTcpEvent / 4;
const BLOCK_BITS = 12;
/** Events in a block. */
const BLOCK = 1 << BLOCK_BITS;
/** A larger pool is given up once it is empty. */
const KEPT_BLOCKS = 4;

/** Memory with events, {@link EVENT_STRIDE} bytes apart. */
export interface EventBlock {
  readonly view: DataView;
  /** The same memory as words of 32 bits. */
  readonly words: Uint32Array;
}

class Block implements EventBlock {
  readonly words = new Uint32Array(BLOCK * EVENT_STRIDE_WORDS);
  readonly view = new DataView(this.words.buffer);
  /** Places given out since the block was last empty: the first ones. */
  used = 0;
  /** Places among them that were not released. */
  live = 0;
}

/** A pool of numbered places for events. It grows block by block, so that its content is never copied again. */
export class Staging {
  readonly #blocks: Block[] = [];
  /** Empty blocks, besides the one that is being filled. */
  readonly #free: number[] = [];
  #filling = -1;
  #source: Uint32Array | undefined;

  /** Events that {@link put} takes at once: one or more. */
  get room(): number {
    this.#chooseBlock();
    return BLOCK - this.#blocks[this.#filling]!.used;
  }

  /** The block that is filled has room then. */
  #chooseBlock(): void {
    const filling = this.#blocks[this.#filling];
    if (filling !== undefined && filling.used < BLOCK) return;
    this.#filling = this.#free.pop() ?? this.#blocks.push(new Block()) - 1;
  }

  /**
   * Copies events.
   *
   * @param source Over memory that starts at a multiple of four bytes, as the ring does.
   * @param offset Of the first event.
   * @param count At most {@link room}.
   * @param stride Bytes from one event to the next.
   * @returns the place of the first until {@link release}; the others follow it.
   */
  put(source: DataView, offset: number, count: number, stride: number): number {
    const block = this.#blocks[this.#filling]!;
    const place = this.#filling * BLOCK + block.used;
    if (this.#source?.buffer !== source.buffer) this.#source = new Uint32Array(source.buffer);
    let from = (source.byteOffset + offset) / 4;
    let to = block.used * EVENT_STRIDE_WORDS;
    block.used += count;
    block.live += count;
    if (count > 1 && stride === EVENT_STRIDE) {
      const words = (count - 1) * EVENT_STRIDE_WORDS + WORDS;
      block.words.set(this.#source.subarray(from, from + words), to);
      return place;
    }
    for (let left = count; left > 0; left--) {
      copyWords(this.#source, from, block.words, to);
      from += stride / 4;
      to += EVENT_STRIDE_WORDS;
    }
    return place;
  }

  /** Copies an event. @returns its place until {@link release} */
  putOne(source: DataView, offset: number): number {
    this.#chooseBlock();
    return this.put(source, offset, 1, EVENT_STRIDE);
  }

  /** The memory in which an event is; see {@link offset}. */
  block(place: number): EventBlock {
    return this.#blocks[place >>> BLOCK_BITS]!;
  }

  /** Where in its {@link block} an event is, bytes. */
  offset(place: number): number {
    return (place % BLOCK) * EVENT_STRIDE;
  }

  /** Places from one on that are in the same block. */
  following(place: number): number {
    return BLOCK - (place % BLOCK);
  }

  /** Gives places back. @param count Of places that follow each other in one block. */
  release(place: number, count = 1): void {
    const number = place >>> BLOCK_BITS;
    const block = this.#blocks[number]!;
    block.live -= count;
    if (block.live > 0) return;
    block.used = 0;
    if (number !== this.#filling) this.#free.push(number);
    if (this.#blocks.length > KEPT_BLOCKS) this.#giveUpIfEmpty();
  }

  #giveUpIfEmpty(): void {
    const filling = this.#blocks[this.#filling]!;
    if (filling.live > 0 || this.#free.length < this.#blocks.length - 1) return;
    this.#blocks.length = 0;
    this.#free.length = 0;
    this.#filling = -1;
  }
}

/** One event, without the view that set() needs: it would be garbage. */
function copyWords(source: Uint32Array, from: number, to: Uint32Array, at: number): void {
  for (let word = 0; word < WORDS; word++) to[at + word] = source[from + word]!;
}
