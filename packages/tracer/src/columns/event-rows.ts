/** Events one after the other in one memory, from which columns are read. */
import { EVENT_STRIDE, EVENT_STRIDE_WORDS } from '../stream/staging.js';

export class EventRows {
  /** The events as words of 32 bits. */
  readonly words: Uint32Array;
  readonly view: DataView;
  #length = 0;

  /** @param capacity Events. */
  constructor(capacity: number) {
    this.words = new Uint32Array(capacity * EVENT_STRIDE_WORDS);
    this.view = new DataView(this.words.buffer);
  }

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
  }

  /** Copies events that lie one after the other in the same way. @param offset Of the first, bytes. */
  push(source: Uint32Array, offset: number, count: number): void {
    const from = offset / 4;
    this.words.set(
      source.subarray(from, from + count * EVENT_STRIDE_WORDS),
      this.#length * EVENT_STRIDE_WORDS,
    );
    this.#length += count;
  }

  /** Where an event starts in {@link view}, bytes. */
  offset(row: number): number {
    return row * EVENT_STRIDE;
  }

  /** A word of each event. @param at Where it is in an event, bytes. */
  uint32(at: number): Uint32Array {
    const { words } = this;
    const values = new Uint32Array(this.#length);
    for (let row = 0, from = at >>> 2; row < values.length; row++, from += EVENT_STRIDE_WORDS)
      values[row] = words[from]!;
    return values;
  }

  /** 64 bits of each event. */
  uint64(at: number): BigUint64Array {
    const { words } = this;
    const values = new Uint32Array(2 * this.#length);
    for (let to = 0, from = at >>> 2; to < values.length; to += 2, from += EVENT_STRIDE_WORDS) {
      values[to] = words[from]!;
      values[to + 1] = words[from + 1]!;
    }
    return new BigUint64Array(values.buffer);
  }

  /** 16 bytes of each event. */
  bytes16(at: number): Uint8Array {
    const { words } = this;
    const values = new Uint32Array(4 * this.#length);
    for (let to = 0, from = at >>> 2; to < values.length; to += 4, from += EVENT_STRIDE_WORDS) {
      values[to] = words[from]!;
      values[to + 1] = words[from + 1]!;
      values[to + 2] = words[from + 2]!;
      values[to + 3] = words[from + 3]!;
    }
    return new Uint8Array(values.buffer);
  }
}
