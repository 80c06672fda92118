/**
 * The consumer's side of one perf ring, over its mapped memory alone. Layout: struct perf_event_mmap_page and enum
 * perf_event_type of include/uapi/linux/perf_event.h.
 */

/** PERF_RECORD_* types that a BPF output event produces. */
const PERF_RECORD_LOST = 2;
const PERF_RECORD_SAMPLE = 9;
const headerSize = 8;
/** Byte offsets in the first page, both of 64-bit positions. */
const headOffset = 1024;
const tailOffset = 1032;
/** Space is given back each time so large a part of the ring is consumed, that a full ring has room again soon. */
const releaseFraction = 4;

/**
 * Called for every sample: `length` bytes of `view` from `offset` on, which are valid only during the call.
 */
export type OnSample = (view: DataView, offset: number, length: number, cpu: number) => void;

/**
 * Walks the records of one CPU's ring. A sample is what a program gave to bpf_perf_event_output, followed by up to
 * seven bytes of the kernel's padding, which count in its length: records carry no exact size.
 */
export class PerfRingWalker {
  readonly #positions: BigUint64Array;
  readonly #data: DataView;
  readonly #bytes: Uint8Array;
  readonly #size: number;
  readonly #cpu: number;
  /** A record that wraps around is put together here; a record's size is 16 bits. */
  #scratch: DataView | undefined;
  #tail: number;
  #lost = 0;
  #samples = 0;
  #sampleBytes = 0;
  #stopped = false;

  /**
   * @param memory the control page, then the ring.
   * @param dataOffset where the ring starts: the page size.
   */
  constructor(memory: ArrayBuffer, dataOffset: number, cpu: number) {
    this.#positions = new BigUint64Array(memory, headOffset, 2);
    this.#size = memory.byteLength - dataOffset;
    this.#data = new DataView(memory, dataOffset, this.#size);
    this.#bytes = new Uint8Array(memory, dataOffset, this.#size);
    this.#cpu = cpu;
    this.#tail = Number(Atomics.load(this.#positions, (tailOffset - headOffset) / 8));
  }

  /** Samples that the kernel dropped because the ring was full, as far as it has reported them. */
  get lost(): number {
    return this.#lost;
  }

  get samples(): number {
    return this.#samples;
  }

  get sampleBytes(): number {
    return this.#sampleBytes;
  }

  get cpu(): number {
    return this.#cpu;
  }

  /** Where the kernel stands, in bytes since the ring's creation. All before is complete. */
  head(): number {
    return Number(Atomics.load(this.#positions, 0));
  }

  get tail(): number {
    return this.#tail;
  }

  ready(): boolean {
    return this.#tail < this.head();
  }

  /** Hands out at most `limit` samples that lie before the position `end`; returns how many. */
  drain(onSample: OnSample, limit: number, end: number): number {
    const mask = this.#size - 1;
    const start = this.#tail;
    const stop = Math.min(end, this.head()) - start;
    const release = this.#size / releaseFraction;
    let consumed = 0;
    let released = 0;
    let delivered = 0;
    try {
      while (consumed < stop && delivered < limit && !this.#stopped) {
        // Records are multiples of 8 bytes, so a header never wraps around.
        const offset = ((start & mask) + consumed) & mask;
        const type = this.#data.getUint32(offset, true);
        const length = this.#data.getUint16(offset + 6, true);
        if (length < headerSize) break; // not a record: the memory is gone
        consumed += length;
        if (type === PERF_RECORD_SAMPLE) {
          delivered++;
          this.#deliver(onSample, offset, length);
        } else if (type === PERF_RECORD_LOST) {
          // u64 id, u64 lost
          this.#lost += Number(this.#data.getBigUint64((offset + headerSize + 8) & mask, true));
        }
        if (consumed - released >= release) {
          this.#release(start + consumed);
          released = consumed;
        }
      }
    } finally {
      if (consumed !== released) this.#release(start + consumed);
    }
    return delivered;
  }

  /** Ends a walk under way after the current record: the memory is about to go. */
  stop(): void {
    this.#stopped = true;
  }

  /** Gives the space up to a position back to the kernel. */
  #release(position: number): void {
    this.#tail = position;
    Atomics.store(this.#positions, 1, BigInt(position));
  }

  /** A sample is a u32 size (padding included), then the bytes. */
  #deliver(onSample: OnSample, offset: number, length: number): void {
    let view = this.#data;
    let start = offset + headerSize;
    if (offset + length > this.#size) {
      view = this.#unwrap(offset, length);
      start = headerSize;
    }
    const size = Math.min(view.getUint32(start, true), length - headerSize - 4);
    this.#samples++;
    this.#sampleBytes += size;
    onSample(view, start + 4, size, this.#cpu);
  }

  #unwrap(offset: number, length: number): DataView {
    this.#scratch ??= new DataView(new ArrayBuffer(65_536));
    const target = new Uint8Array(this.#scratch.buffer);
    const first = this.#size - offset;
    target.set(this.#bytes.subarray(offset));
    target.set(this.#bytes.subarray(0, length - first), first);
    return this.#scratch;
  }
}
