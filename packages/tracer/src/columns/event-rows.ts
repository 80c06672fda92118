/** Events one after the other, from which columns are read. */
import { EVENT_STRIDE, EVENT_STRIDE_WORDS, type EventBlock } from '../stream/staging.js';

function newBlock(capacity: number): EventBlock {
  const words = new Uint32Array(capacity * EVENT_STRIDE_WORDS);
  return { words, view: new DataView(words.buffer) };
}

const noEvents = newBlock(0);

function copyEvents(from: EventBlock, offset: number, count: number, to: Uint32Array, row: number): void {
  const first = offset / 4;
  const words = from.words.subarray(first, first + count * EVENT_STRIDE_WORDS);
  to.set(words, row * EVENT_STRIDE_WORDS);
}

/** Makes the arrays of columns, or takes those of an earlier batch. */
class Arrays {
  readonly #capacity: number;
  readonly #isReused: boolean;
  /** Memory that was given out for other batches, and how much of it is in use by this one. */
  readonly #blocks: ArrayBuffer[] = [];
  #used = 0;

  constructor(capacity: number, isReused: boolean) {
    this.#capacity = capacity;
    this.#isReused = isReused;
  }

  /** All arrays so far may be overwritten. */
  clear(): void {
    this.#used = 0;
  }

  /** Memory for a column; its content is anything. @param bytes Of a value, at most 16. */
  take(bytes: number, length: number): ArrayBuffer {
    if (!this.#isReused) return new ArrayBuffer(bytes * length);
    this.#blocks[this.#used] ??= new ArrayBuffer(16 * this.#capacity);
    return this.#blocks[this.#used++]!;
  }
}

/** Events that came at once are read where they are, until {@link EventRows.keep}; others are copied. */
export class EventRows {
  readonly #capacity: number;
  readonly #arrays: Arrays;
  #own: EventBlock | undefined;
  #block: EventBlock = noEvents;
  /** Where the first event is, bytes. */
  #offset = 0;
  #length = 0;

  /**
   * @param capacity Events.
   * @param isReused Columns are overwritten after {@link clear}.
   */
  constructor(capacity: number, isReused = false) {
    this.#capacity = capacity;
    this.#arrays = new Arrays(capacity, isReused);
  }

  get length(): number {
    return this.#length;
  }

  /** The memory with the events, as words of 32 bits. */
  get words(): Uint32Array {
    return this.#block.words;
  }

  get view(): DataView {
    return this.#block.view;
  }

  /** Where in {@link words} the first event starts. */
  get first(): number {
    return this.#offset / 4;
  }

  clear(): void {
    this.#arrays.clear();
    this.#block = noEvents;
    this.#offset = 0;
    this.#length = 0;
  }

  /** Adds events that lie one after the other. @param offset Of the first, bytes. */
  push(block: EventBlock, offset: number, count: number): void {
    if (this.#length === 0) {
      this.#block = block;
      this.#offset = offset;
    } else {
      this.keep();
      copyEvents(block, offset, count, this.words, this.#length);
    }
    this.#length += count;
  }

  /** Copies what is not in memory of its own yet. */
  keep(): void {
    if (this.#length === 0 || this.#block === this.#own) return;
    this.#own ??= newBlock(this.#capacity);
    copyEvents(this.#block, this.#offset, this.#length, this.#own.words, 0);
    this.#block = this.#own;
    this.#offset = 0;
  }

  /** Where an event starts in {@link view}, bytes. */
  offset(row: number): number {
    return this.#offset + row * EVENT_STRIDE;
  }

  /** An array for a number of each event, with anything in it. */
  numbers(): Float64Array {
    return new Float64Array(this.#arrays.take(8, this.#length), 0, this.#length);
  }

  /** An array for a byte of each event, with zeros in it. */
  bytes(): Uint8Array {
    return new Uint8Array(this.#arrays.take(1, this.#length), 0, this.#length).fill(0);
  }

  /** An array for some words of 32 bits of each event, with anything in it. @param count 1, 2 or 4. */
  words32(count: number): Uint32Array {
    return new Uint32Array(this.#arrays.take(4 * count, this.#length), 0, count * this.#length);
  }

  /** A word of each event. @param at Where it is in an event, bytes. */
  uint32(at: number): Uint32Array {
    const { words, first } = this;
    const values = this.words32(1);
    for (let row = 0, from = first + (at >>> 2); row < values.length; row++, from += EVENT_STRIDE_WORDS)
      values[row] = words[from]!;
    return values;
  }

  /** 64 bits of each event. */
  uint64(at: number): BigUint64Array {
    const { words, first } = this;
    const values = this.words32(2);
    for (let to = 0, from = first + (at >>> 2); to < values.length; to += 2, from += EVENT_STRIDE_WORDS) {
      values[to] = words[from]!;
      values[to + 1] = words[from + 1]!;
    }
    return new BigUint64Array(values.buffer, 0, this.#length);
  }

  /** 16 bytes of each event. */
  bytes16(at: number): Uint8Array {
    const { words, first } = this;
    const values = this.words32(4);
    for (let to = 0, from = first + (at >>> 2); to < values.length; to += 4, from += EVENT_STRIDE_WORDS) {
      values[to] = words[from]!;
      values[to + 1] = words[from + 1]!;
      values[to + 2] = words[from + 2]!;
      values[to + 3] = words[from + 3]!;
    }
    return new Uint8Array(values.buffer, 0, 16 * this.#length);
  }
}
