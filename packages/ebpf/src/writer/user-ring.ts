/**
 * The producer's side of a user ring buffer, over its mapped memory alone. Protocol: kernel/bpf/ringbuf.c, which reads in
 * `bpf_user_ringbuf_drain` what is written here.
 */
import { OptionError } from '../errors.js';
import type { RingMemory } from '../reader/ring.js';

const headerSize = 8;
/** The sign of the length word: the record is reserved, and its consumer must not go past it. */
const BPF_RINGBUF_BUSY_BIT = -0x8000_0000;
const BPF_RINGBUF_DISCARD_BIT = 0x4000_0000;

/** A place in a user ring buffer. Programs see nothing of it, nor of what was reserved after it, until it is submitted or discarded. */
export class RingReservation implements Disposable {
  /** Its bytes, to be filled; not zeroed. They are the kernel's once it is submitted. */
  readonly bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #index: number;
  #open = true;

  /** @param index Of the length word in `words`. */
  constructor(bytes: Uint8Array, words: Int32Array, index: number) {
    this.bytes = bytes;
    this.#words = words;
    this.#index = index;
  }

  /** Hands the record to programs. @throws OptionError if it was submitted or discarded before. */
  submit(): void {
    if (!this.#open) throw new OptionError('the record was already submitted or discarded');
    this.#finish(0);
  }

  /** Has programs pass over the record. Nothing happens if it was submitted or discarded before. */
  discard(): void {
    if (this.#open) this.#finish(BPF_RINGBUF_DISCARD_BIT);
  }

  /** As {@link discard}: `using` gives up what an error kept from being submitted. */
  [Symbol.dispose](): void {
    this.discard();
  }

  /** The store is sequentially consistent: whoever reads the length without the busy bit reads all bytes. */
  #finish(bit: number): void {
    this.#open = false;
    Atomics.store(this.#words, this.#index, this.bytes.length | bit);
  }
}

/** Reserves room. Positions are bytes since the ring's creation, exact up to 2^53. */
export class RingReserver {
  readonly #consumerPosition: BigUint64Array;
  readonly #producerPosition: BigUint64Array;
  readonly #data: DataView;
  readonly #words: Int32Array;
  readonly #size: number;

  constructor({ consumer, producer, data, size }: RingMemory) {
    this.#consumerPosition = new BigUint64Array(consumer, 0, 1);
    this.#producerPosition = new BigUint64Array(producer, 0, 1);
    this.#data = data;
    this.#words = new Int32Array(data.buffer, data.byteOffset, data.byteLength / 4);
    this.#size = size;
  }

  /** Bytes of the ring. */
  get size(): number {
    return this.#size;
  }

  /** Bytes that are written or reserved, and not yet consumed; headers included. */
  pending(): number {
    return this.#position() - Number(Atomics.load(this.#consumerPosition, 0));
  }

  /** Whether there is room for a record of `length` bytes now. @throws OptionError for one that never fits. */
  fits(length: number): boolean {
    return this.#total(length) <= this.#size - this.pending();
  }

  /** Room for a record of `length` bytes; undefined where there is none now. @throws OptionError for one that never fits. */
  reserve(length: number): RingReservation | undefined {
    const total = this.#total(length);
    if (total > this.#size - this.pending()) return undefined;
    const position = this.#position();
    const offset = position & (this.#size - 1);
    const index = offset >>> 2;
    this.#words[index + 1] = 0;
    Atomics.store(this.#words, index, length | BPF_RINGBUF_BUSY_BIT);
    // Programs look at the header only once the position is past it.
    Atomics.store(this.#producerPosition, 0, BigInt(position + total));
    const start = this.#data.byteOffset + offset + headerSize;
    return new RingReservation(new Uint8Array(this.#data.buffer, start, length), this.#words, index);
  }

  #position(): number {
    return Number(Atomics.load(this.#producerPosition, 0));
  }

  #total(length: number): number {
    const total = (length + headerSize + 7) & ~7;
    if (!Number.isInteger(length) || length < 0 || length > 0x3fff_fff0 || total > this.#size)
      throw new OptionError(
        `a record of ${length} bytes, where the ring holds ${this.#size - headerSize} at most`,
      );
    return total;
  }
}
