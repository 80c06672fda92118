/** User ring buffers whose records are encoded. */
import type { Codec } from '../codegen/runtime.js';
import type { BpfMap } from '../map/map.js';
import type { WaitOptions } from '../sys/epoll.js';
import { UserRingBuffer } from '../writer/user-ringbuf.js';
import { recordBytes } from './records.js';

/** A user ring buffer (6.1): this process writes, programs read. */
export class UserRecordMap<T> {
  /** The map below. */
  readonly map: BpfMap;
  readonly #codec: Codec<T>;
  readonly #own: (writer: Disposable) => void;

  /** For a map of this kind. @param own Is given every writer that is made, to dispose of it before the map. */
  constructor(map: BpfMap, codec: Codec<T>, own: (writer: Disposable) => void = () => {}) {
    this.map = map;
    this.#codec = codec;
    this.#own = own;
  }

  /** Starts writing; there may be only one writer of a map. @throws SyscallError */
  writer(): RecordWriter<T> {
    const writer = new RecordWriter(new UserRingBuffer(this.map), this.#codec);
    this.#own(writer);
    return writer;
  }
}

/** Encodes and writes records. All methods but {@link close} throw EbpfError once it is closed. */
export class RecordWriter<T> implements Disposable {
  /** The producer below, for records that are filled in place, or of another size. */
  readonly raw: UserRingBuffer;
  readonly #codec: Codec<T>;

  /** Takes ownership of a producer. */
  constructor(raw: UserRingBuffer, codec: Codec<T>) {
    this.raw = raw;
    this.#codec = codec;
  }

  /**
   * Writes a record, or bytes of any length where the map declares no type. @returns false where the ring is full, and nothing was written.
   *
   * @throws OptionError for what cannot be encoded: programs pass over its place.
   */
  write(record: T): boolean {
    if ((this.#codec as unknown) === recordBytes) return this.raw.write(record as Uint8Array);
    using reservation = this.raw.reserve(this.#codec.size);
    if (reservation === undefined) return false;
    const { buffer, byteOffset, byteLength } = reservation.bytes;
    this.#codec.write(new DataView(buffer, byteOffset, byteLength), 0, record);
    reservation.submit();
    return true;
  }

  /** Resolves to true once a record has room; see {@link UserRingBuffer.wait}. */
  wait(options?: WaitOptions): Promise<boolean> {
    return this.raw.wait(this.#codec.size, options);
  }

  /** Ends writing, and waits under way. Records that were written stay for programs. */
  close(): void {
    this.raw[Symbol.dispose]();
  }

  /** As {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}
