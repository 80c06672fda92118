/** Ring and perf buffers whose records are decoded. */
import type { Codec } from '../codegen/runtime.js';
import { FormatError } from '../errors.js';
import type { BpfMap } from '../map/map.js';
import { type PerfBufferOptions, PerfBufferReader } from '../reader/perf.js';
import { recordLength } from '../reader/ring.js';
import { type RingBufferOptions, RingBufferReader } from '../reader/ringbuf.js';
import type { WaitOptions } from '../sys/epoll.js';
import { MapType } from '../uapi/map-types.js';

/** Options of {@link RecordMap.reader}: those of the reader of either kind. */
export type RecordReaderOptions = RingBufferOptions & PerfBufferOptions;

/** Records that are awaited one by one are decoded so many at a time. */
const batchSize = 1024;

/** The classes of columns that `weir-bpf2ts` writes. */
export interface RecordColumns {
  readonly capacity: number;
  readonly length: number;
  /** Adds the record at an offset in bytes. @throws OptionError when full. */
  push(view: DataView, offset: number): void;
  /** Adds `count` records, each `stride` bytes after the one before. Absent from modules of earlier versions. @throws OptionError when full. */
  pushRun?(view: DataView, offset: number, count: number, stride: number): void;
}

/** A ring buffer (5.8) or perf event array (4.4). */
export class RecordMap<T> {
  /** The map below. */
  readonly map: BpfMap;
  readonly #codec: Codec<T>;
  readonly #own: (reader: Disposable) => void;

  /** For a map of either kind. @param own Is given every reader that is made, to dispose of it before the map. */
  constructor(map: BpfMap, codec: Codec<T>, own: (reader: Disposable) => void = () => {}) {
    this.map = map;
    this.#codec = codec;
    this.#own = own;
  }

  /** Starts reading; there may be only one reader of a ring buffer. @throws SyscallError; OptionError */
  reader(options?: RecordReaderOptions): RecordReader<T> {
    return this.readerOf(this.#codec, options);
  }

  /**
   * As {@link reader}, for records of a type that the map does not declare: `readerOf({ size: sizeofEvent, read: readEvent })`.
   */
  readerOf<R>(codec: Pick<Codec<R>, 'size' | 'read'>, options: RecordReaderOptions = {}): RecordReader<R> {
    const isRing = this.map.type === MapType.ringbuf;
    const reader = new RecordReader(
      isRing ? new RingBufferReader(this.map, options) : new PerfBufferReader(this.map, options),
      codec,
      this.map.name,
    );
    this.#own(reader);
    return reader;
  }
}

/**
 * The bytes of each record, copied, for buffers whose object declares no type. The samples of a perf buffer end with up to seven bytes of the
 * kernel's padding.
 */
export const recordBytes: Codec<Uint8Array> = {
  size: 0,
  read: () => new Uint8Array(),
  write: () => {},
};

/**
 * Reads and decodes records. One that is longer than its type is read as far as the type goes; one that is shorter throws FormatError from
 * whatever reads it. All methods but {@link close} throw EbpfError once it is closed.
 */
export class RecordReader<T> implements Disposable, AsyncIterable<T> {
  /** The reader below, with its statistics and positions. */
  readonly raw: RingBufferReader | PerfBufferReader;
  readonly #codec: Pick<Codec<T>, 'size' | 'read'>;
  readonly #name: string;
  #closed = false;

  /** Takes ownership of a reader. @param name The map's, for errors. */
  constructor(
    raw: RingBufferReader | PerfBufferReader,
    codec: Pick<Codec<T>, 'size' | 'read'>,
    name: string,
  ) {
    this.raw = raw;
    this.#codec = codec;
    this.#name = name;
  }

  /**
   * Hands out the records that are there, at most `limit`, and does not wait.
   *
   * @param into An object that every record is decoded into, in the place of a new one for each: the fastest way, where the callback keeps none.
   * @returns how many there were.
   */
  drain(onRecord: (record: T) => void, limit?: number, into?: T): number {
    const { size } = this.#codec;
    if ((this.#codec as unknown) === recordBytes) {
      const copy = (view: DataView, offset: number, length: number) =>
        onRecord(new Uint8Array(view.buffer, view.byteOffset + offset, length).slice() as T);
      return this.raw.drain(copy, limit);
    }
    const read = this.#codec.read as (view: DataView, offset: number, into?: T) => T;
    return this.raw.drain((view, offset, length) => {
      if (length < size) this.#tooShort(length);
      onRecord(read(view, offset, into));
    }, limit);
  }

  /** Moves the records that are there into columns, as many as have room, and does not wait. @returns how many. */
  drainColumns(columns: RecordColumns): number {
    const room = columns.capacity - columns.length;
    if (room === 0) return 0;
    const { size } = this.#codec;
    const { raw } = this;
    if (raw instanceof RingBufferReader && columns.pushRun !== undefined) {
      return raw.drainRuns((view, offset, count, stride) => {
        const length = recordLength(view, offset);
        if (length < size) this.#tooShort(length);
        columns.pushRun!(view, offset, count, stride);
      }, room);
    }
    return raw.drain((view, offset, length) => {
      if (length < size) this.#tooShort(length);
      columns.push(view, offset);
    }, room);
  }

  /** Resolves to true once there are records; see {@link RingBufferReader.wait}. */
  wait(options?: WaitOptions): Promise<boolean> {
    return this.raw.wait(options);
  }

  /**
   * The records as they come, each a new object, until the reader is closed or the signal aborts:
   * `for await (const event of reader.records())`.
   *
   * @param options `timeoutMs`: looks for records so often, where programs submit them with BPF_RB_NO_WAKEUP.
   */
  async *records({ signal, timeoutMs }: WaitOptions = {}): AsyncGenerator<T, void, undefined> {
    const batch: T[] = [];
    while (!this.#closed && signal?.aborted !== true) {
      if (this.drain((record) => batch.push(record), batchSize) === 0) await this.wait({ signal, timeoutMs });
      yield* batch.splice(0);
    }
  }

  /** As {@link records} without options. */
  [Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    return this.records();
  }

  /** Ends reading, and waits under way. */
  close(): void {
    this.#closed = true;
    this.raw[Symbol.dispose]();
  }

  /** As {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #tooShort(length: number): never {
    throw new FormatError(
      `map ${this.#name}: a record of ${length} bytes, where its type has ${this.#codec.size}`,
    );
  }
}
