/** Events one after the other in one memory, from which columns are read. */
import { sizeofTcpEvent } from '../generated/tcp.js';

const WORDS = sizeofTcpEvent / 4;

export class EventRows {
  /** The events as words of 32 bits. */
  readonly words: Uint32Array;
  readonly view: DataView;
  readonly #buffer: ArrayBuffer;
  #source: Uint32Array | undefined;
  #length = 0;

  /** @param capacity Events. */
  constructor(capacity: number) {
    this.#buffer = new ArrayBuffer(capacity * sizeofTcpEvent);
    this.words = new Uint32Array(this.#buffer);
    this.view = new DataView(this.#buffer);
  }

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
  }

  /** Copies an event. @param source Over memory that starts at a multiple of four bytes. */
  push(source: DataView, offset: number): void {
    if (this.#source?.buffer !== source.buffer) this.#source = new Uint32Array(source.buffer);
    const from = (source.byteOffset + offset) / 4;
    const to = this.#length * WORDS;
    const { words } = this;
    const all = this.#source;
    for (let word = 0; word < WORDS; word++) words[to + word] = all[from + word]!;
    this.#length++;
  }

  /** Where an event starts in {@link view}, bytes. */
  offset(row: number): number {
    return row * sizeofTcpEvent;
  }

  /** A word of each event. @param at Where it is in an event, bytes. */
  uint32(at: number): Uint32Array {
    const { words } = this;
    const values = new Uint32Array(this.#length);
    for (let row = 0, from = at >>> 2; row < values.length; row++, from += WORDS) values[row] = words[from]!;
    return values;
  }

  /** 64 bits of each event. */
  uint64(at: number): BigUint64Array {
    const { words } = this;
    const values = new Uint32Array(2 * this.#length);
    for (let to = 0, from = at >>> 2; to < values.length; to += 2, from += WORDS) {
      values[to] = words[from]!;
      values[to + 1] = words[from + 1]!;
    }
    return new BigUint64Array(values.buffer);
  }

  /** 16 bytes of each event. */
  bytes16(at: number): Uint8Array {
    const { words } = this;
    const values = new Uint32Array(4 * this.#length);
    for (let to = 0, from = at >>> 2; to < values.length; to += 4, from += WORDS) {
      for (let word = 0; word < 4; word++) values[to + word] = words[from + word]!;
    }
    return new Uint8Array(values.buffer);
  }
}
