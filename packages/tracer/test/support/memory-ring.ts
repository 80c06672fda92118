/** A ring buffer's memory that tests fill: what was given back is overwritten at once. */
import { sizeofTcpEvent } from '../../src/generated/tcp.js';
import type { EventRing, ReadToMark } from '../../src/stream/event-ring.js';
import type { EventBlock } from '../../src/stream/staging.js';

const HEADER = 8;
const STRIDE = HEADER + sizeofTcpEvent;
const GARBAGE = 0xee;

export class MemoryRing implements EventRing {
  readonly delayNs = 0n;
  readonly memory: EventBlock;
  readonly size: number;
  readonly #bytes: Uint8Array;
  #read = 0;
  #released = 0;
  #end = 0;
  produced = 0;

  /** @param size A multiple of 8; not of an event's, so that events go over its end. */
  constructor(size: number) {
    this.size = size;
    const buffer = new ArrayBuffer(size + STRIDE);
    this.#bytes = new Uint8Array(buffer);
    this.memory = { view: new DataView(buffer), words: new Uint32Array(buffer) };
  }

  /** Bytes that cannot be written. */
  get occupied(): number {
    return this.#end - this.#released;
  }

  /** Writes an event. @returns false if it has no room. */
  add(event: DataView): boolean {
    if (this.occupied + STRIDE > this.size) return false;
    const bytes = new Uint8Array(event.buffer, event.byteOffset, sizeofTcpEvent);
    for (let index = 0; index < sizeofTcpEvent; index++)
      this.#setByte(this.#end + HEADER + index, bytes[index]!);
    this.#end += STRIDE;
    this.produced++;
    return true;
  }

  #setByte(position: number, value: number): void {
    const at = position % this.size;
    this.#bytes[at] = value;
    // A record that begins before the ring's end is whole there.
    if (at < STRIDE) this.#bytes[at + this.size] = value;
  }

  release(end?: number): void {
    let position = this.#read;
    if (end !== undefined) {
      const from = this.#released % this.size;
      position = this.#released + (end > from ? end - from : end - from + this.size);
    }
    if (position > this.#read) throw new Error('events were given back that were not read');
    while (this.#released < position) this.#setByte(this.#released++, GARBAGE);
  }

  isCrowded(): boolean {
    return this.occupied > 0.75 * this.size && this.#end > this.#read;
  }

  mark(): ReadToMark {
    const end = this.#end;
    return (onEvents, limit) => {
      for (let left = limit; left > 0 && this.#read < end; ) {
        const at = this.#read % this.size;
        const count = Math.min(
          left,
          1 + (this.#read % 7),
          Math.ceil(Math.min(this.size - at, end - this.#read) / STRIDE),
        );
        this.#read += count * STRIDE;
        left -= count;
        onEvents(this.memory.view, at + HEADER, count, STRIDE);
      }
      return this.#read === end;
    };
  }

  reportedLost(): number {
    return 0;
  }

  async wait(): Promise<boolean> {
    return this.#end > this.#read;
  }

  [Symbol.dispose](): void {}
}
