/** Writing to user ring buffers (6.1). */
import { EbpfError } from '../errors.js';
import type { BpfMap } from '../map/map.js';
import { Cleanup } from '../sys/cleanup.js';
import { Readiness, type WaitOptions } from '../sys/epoll.js';
import { Mapping, pageSize } from '../sys/memory.js';
import { MapType, mapTypeName } from '../uapi/map-types.js';
import { type RingReservation, RingReserver } from './user-ring.js';

/**
 * The producer of a user ring buffer, BPF_MAP_TYPE_USER_RINGBUF (6.1): this process writes records, and a program reads them with
 * `bpf_user_ringbuf_drain()` whenever something runs it. A map has one producer.
 *
 * All methods throw EbpfError after disposal.
 */
export class UserRingBuffer implements Disposable {
  readonly #consumer: Mapping;
  readonly #producer: Mapping;
  readonly #reserver: RingReserver;
  readonly #readiness: Readiness;
  #disposed = false;

  /**
   * The map may be disposed of before the producer.
   *
   * @throws SyscallError; EbpfError for a map of another kind.
   */
  constructor(map: BpfMap) {
    if (map.type !== MapType.userRingbuf)
      throw new EbpfError(
        `map ${map.name} is a ${mapTypeName(map.type)}, not a ${mapTypeName(MapType.userRingbuf)}`,
      );
    const page = pageSize();
    const size = map.maxEntries;
    const what = `user ring buffer ${map.name}`;
    using cleanup = new Cleanup();
    // The first page has the consumer's position, which is the kernel's to write; the rest is ours: the producer's position,
    // the data, and the data again, so that no record is split.
    this.#consumer = cleanup.use(new Mapping(map.fd, { length: page, writable: false, what }));
    const producer = { length: page + 2 * size, offset: page, writable: true, what };
    this.#producer = cleanup.use(new Mapping(map.fd, producer));
    this.#readiness = cleanup.use(new Readiness());
    this.#readiness.add(map.fd, 'writable');
    this.#reserver = new RingReserver({
      consumer: this.#consumer.buffer,
      producer: this.#producer.buffer,
      data: new DataView(this.#producer.buffer, page, 2 * size),
      size,
    });
    cleanup.keep();
  }

  /** Bytes of the ring. A record takes its own, rounded up to a multiple of eight, and eight more. */
  get size(): number {
    return this.#reserver.size;
  }

  /** Bytes that no program has consumed yet, headers included. */
  pending(): number {
    this.#check();
    return this.#reserver.pending();
  }

  /**
   * Reserves room for a record, to be filled in place and then submitted or discarded. Records are consumed in the order in which they were
   * reserved: one that stays open holds back all that follow.
   *
   * @param length Bytes.
   * @returns undefined where the ring is full; {@link wait} says when it no longer is.
   * @throws OptionError for a record that the empty ring could not hold.
   */
  reserve(length: number): RingReservation | undefined {
    this.#check();
    return this.#reserver.reserve(length);
  }

  /** Writes a record. @returns false where the ring is full, and nothing was written. @throws as {@link reserve}. */
  write(bytes: Uint8Array): boolean {
    const reservation = this.reserve(bytes.length);
    if (reservation === undefined) return false;
    reservation.bytes.set(bytes);
    reservation.submit();
    return true;
  }

  /**
   * Resolves to true once a record of `length` bytes has room, to false at the timeout, at the abort or when the producer is disposed of, if it
   * has none. At least one turn of the event loop passes.
   *
   * The kernel wakes the producer after a drain that consumed something. Programs that drain with BPF_RB_NO_WAKEUP do not end the wait: give a
   * timeout where they do.
   *
   * @throws OptionError for a record that the empty ring could not hold.
   */
  async wait(length: number, options: WaitOptions = {}): Promise<boolean> {
    this.#check();
    this.#reserver.fits(length);
    return await this.#readiness.wait(() => !this.#disposed && this.#reserver.fits(length), options);
  }

  #check(): void {
    if (this.#disposed) throw new EbpfError('the user ring buffer was already disposed of');
  }

  /** Ends a wait under way and unmaps the ring. Records that were submitted stay for programs; what is reserved, and not submitted, is lost. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#readiness[Symbol.dispose]();
    this.#producer[Symbol.dispose]();
    this.#consumer[Symbol.dispose]();
  }
}
