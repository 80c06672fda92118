/**
 * The consumer's side of a BPF ring buffer, over its mapped memory alone. Layout and protocol:
 * Documentation/bpf/ringbuf.rst, kernel/bpf/ringbuf.c.
 */

/**
 * Called for every record: `length` bytes of `view` from `offset` on, which are valid only during the call.
 */
export type OnRecord = (view: DataView, offset: number, length: number) => void;

/**
 * Called for every run of records of one length that lie one after the other: `count` of them, each `stride` bytes after the
 * one before. The first one's bytes start at `offset` of `view`.
 */
export type OnRun = (view: DataView, offset: number, count: number, stride: number) => void;

/** Counts of a {@link RingBufferReader}. */
export interface RingStatistics {
  /** Records delivered. */
  readonly records: number;
  /** Their payload, in bytes. */
  readonly bytes: number;
  /** Records that their program discarded after reserving them. */
  readonly discarded: number;
}

/** The parts of a ring's memory. */
export interface RingMemory {
  /** Starts with the consumer's position, which is ours to write. */
  readonly consumer: ArrayBufferLike;
  /** Starts with the producer's position. */
  readonly producer: ArrayBufferLike;
  /** The ring's bytes, then those of its start again, so that no record is split. */
  readonly data: DataView;
  /** Bytes of the ring, a power of two. */
  readonly size: number;
}

const headerSize = 8;
/** Bits of a record's length word, besides the sign, which is set while a program still writes the record. */
const BPF_RINGBUF_DISCARD_BIT = 0x4000_0000;
const lengthMask = 0x3fff_ffff;
/** Space is given back each time so large a part of the ring is consumed, that a full ring has room again soon. */
const releaseFraction = 4;
/** Records of a run at most: what was looked at is still in the CPU's cache when its consumer reads it. */
const longestRun = 256;

/** Whether the machine never reads a record before the header that was read first; others do, but after an atomic load, which costs more. */
const keepsLoadsInOrder = process.arch === 'x64';

/** Bytes of the record whose first one is at `offset` of a ring's memory. */
export function recordLength(view: DataView, offset: number): number {
  return view.getUint32(offset - headerSize, true) & lengthMask;
}

/**
 * Walks records. Positions are bytes since the ring's creation; a number holds them exactly up to 2^53, which at a
 * gigabyte a second is 100 days of nothing but records.
 */
export class RingWalker {
  readonly #consumerPosition: BigUint64Array;
  readonly #producerPosition: BigUint64Array;
  readonly #data: DataView;
  /** The data as words: a record's header starts at a multiple of 8. */
  readonly #words: Int32Array;
  readonly #size: number;
  /** All before was handed out. */
  #position: number;
  /** All before was given back. */
  #released: number;
  #stopped = false;
  #records = 0;
  #bytes = 0;
  #discarded = 0;

  constructor(memory: RingMemory) {
    this.#consumerPosition = new BigUint64Array(memory.consumer, 0, 1);
    this.#producerPosition = new BigUint64Array(memory.producer, 0, 1);
    this.#data = memory.data;
    this.#words = new Int32Array(memory.data.buffer, memory.data.byteOffset, memory.data.byteLength / 4);
    this.#size = memory.size;
    this.#position = Number(Atomics.load(this.#consumerPosition, 0));
    this.#released = this.#position;
  }

  get statistics(): RingStatistics {
    return { records: this.#records, bytes: this.#bytes, discarded: this.#discarded };
  }

  /** Where the consumer stands: all before was handed out. */
  get position(): number {
    return this.#position;
  }

  /** Where the producers stand: all before is reserved, though perhaps not yet committed. */
  producerPosition(): number {
    return Number(Atomics.load(this.#producerPosition, 0));
  }

  /** Whether the next record can be consumed now. */
  ready(): boolean {
    if (this.#position >= this.producerPosition()) return false;
    return Atomics.load(this.#words, (this.#position & (this.#size - 1)) >>> 2) >= 0;
  }

  /**
   * Hands out records until `limit` of them are delivered, the position `end` is reached, or the next record is not yet
   * committed. If `onRecord` throws, its record counts as consumed.
   *
   * @returns the number of records delivered, without discarded ones.
   */
  drain(onRecord: OnRecord, limit: number, end: number): number {
    const mask = this.#size - 1;
    const words = this.#words;
    const view = this.#data;
    const release = this.#size / releaseFraction;
    // From here on in bytes since `start`, which stay small integers.
    const start = this.#position;
    const stop = Math.min(end, this.producerPosition()) - start;
    let consumed = 0;
    let released = 0;
    let delivered = 0;
    let bytes = 0;
    try {
      while (consumed < stop && delivered < limit && !this.#stopped) {
        const offset = ((start & mask) + consumed) & mask;
        const header = Atomics.load(words, offset >>> 2);
        if (header < 0) break; // the busy bit is the sign
        const length = header & lengthMask;
        consumed += (length + headerSize + 7) & ~7;
        if ((header & BPF_RINGBUF_DISCARD_BIT) !== 0) {
          this.#discarded++;
        } else {
          delivered++;
          bytes += length;
          onRecord(view, offset + headerSize, length);
        }
        if (consumed - released >= release) {
          this.#release(start + consumed);
          released = consumed;
        }
      }
    } finally {
      this.#records += delivered;
      this.#bytes += bytes;
      if (consumed !== released) this.#release(start + consumed);
    }
    return delivered;
  }

  /**
   * Hands out runs of records, as {@link drain} hands out records, but gives no space back: they stay until {@link release}.
   *
   * @returns the number of records handed out, without discarded ones.
   */
  peek(onRun: OnRun, limit: number, end: number): number {
    const mask = this.#size - 1;
    const words = this.#words;
    const stop = Math.min(end, this.producerPosition());
    let found = 0;
    while (this.#position < stop && found < limit && !this.#stopped) {
      const start = this.#position;
      const offset = start & mask;
      const header = Atomics.load(words, offset >>> 2);
      if (header < 0) break; // the busy bit is the sign
      const length = header & lengthMask;
      const stride = (length + headerSize + 7) & ~7;
      if ((header & BPF_RINGBUF_DISCARD_BIT) !== 0) {
        this.#discarded++;
        this.#position += stride;
        continue;
      }
      // A record that begins before the ring's end is whole there; the next one begins at its start.
      const upTo = Math.min(stop - start, this.#size - offset);
      const most = Math.min(Math.ceil(upTo / stride), limit - found, longestRun);
      const count = this.#runLength(offset, stride, header, most);
      found += count;
      this.#records += count;
      this.#bytes += count * length;
      this.#position += count * stride;
      onRun(this.#data, offset + headerSize, count, stride);
    }
    return found;
  }

  /** How many records from `offset` on have this header: at least one, at most `most`. */
  #runLength(offset: number, stride: number, header: number, most: number): number {
    const words = this.#words;
    let count = 1;
    if (!keepsLoadsInOrder) {
      while (count < most && Atomics.load(words, (offset + count * stride) >>> 2) === header) count++;
      return count;
    }
    while (count < most && words[(offset + count * stride) >>> 2] === header) count++;
    // So that no compiler moves a read of a record before that of its header, either.
    Atomics.load(words, offset >>> 2);
    return count;
  }

  /**
   * Hands out runs as {@link peek} does, and gives their space back. If `onRun` throws, the first record of its run counts as consumed.
   *
   * @returns the number of records delivered, without discarded ones.
   */
  drainRuns(onRun: OnRun, limit: number): number {
    const release = this.#size / releaseFraction;
    try {
      return this.peek(
        (view, offset, count, stride) => {
          try {
            onRun(view, offset, count, stride);
          } catch (error) {
            this.#unread(count - 1, stride);
            throw error;
          }
          if (this.#position - this.#released >= release) this.#release(this.#position);
        },
        limit,
        Number.POSITIVE_INFINITY,
      );
    } finally {
      this.release();
    }
  }

  /** Takes back the last records of the run that was handed out last. */
  #unread(count: number, stride: number): void {
    const header = Atomics.load(this.#words, ((this.#position - stride) & (this.#size - 1)) >>> 2);
    this.#records -= count;
    this.#bytes -= count * (header & lengthMask);
    this.#position -= count * stride;
  }

  /**
   * Gives back the space of records that {@link peek} handed out.
   *
   * @param end Where the last of them ends in the data, at a multiple of eight bytes; without it, that of all.
   */
  release(end?: number): void {
    if (end === undefined) {
      if (this.#released !== this.#position) this.#release(this.#position);
      return;
    }
    const from = this.#released & (this.#size - 1);
    const bytes = end > from ? end - from : end - from + this.#size;
    const position = this.#position;
    this.#release(this.#released + bytes);
    this.#position = position;
  }

  /**
   * Gives back the space up to a position: the end of a record. The walk goes on there, if it has not come so far.
   */
  releaseTo(end: number): void {
    if (end <= this.#released) return;
    const position = this.#position;
    this.#release(end);
    this.#position = Math.max(position, end);
  }

  /** Bytes that producers cannot use: reserved, and not given back. */
  get occupied(): number {
    return this.producerPosition() - this.#released;
  }

  /** Ends a walk under way after the current record: the memory is about to go. */
  stop(): void {
    this.#stopped = true;
  }

  get size(): number {
    return this.#size;
  }

  /**
   * Gives the space up to a position back. The store is sequentially consistent: a producer that commits now either
   * sees it and wakes us, or we see its record when we look again.
   */
  #release(position: number): void {
    this.#position = position;
    this.#released = position;
    Atomics.store(this.#consumerPosition, 0, BigInt(position));
  }
}
