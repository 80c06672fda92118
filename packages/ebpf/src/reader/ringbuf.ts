/** Reading BPF ring buffers (5.8). */
import { EbpfError, OptionError } from '../errors.js';
import type { BpfMap } from '../map/map.js';
import { Cleanup } from '../sys/cleanup.js';
import { Readiness, type WaitOptions } from '../sys/epoll.js';
import { Mapping, pageSize } from '../sys/memory.js';
import { MapType, mapTypeName } from '../uapi/map-types.js';
import { type OnRecord, type OnRun, type RingStatistics, RingWalker } from './ring.js';

/** Options of a {@link RingBufferReader}. */
export interface RingBufferOptions {
  /**
   * The longest record that programs write, in bytes. Then only so much of the ring is mapped a second time, which the process's
   * resident memory counts. Default: any record that the ring can hold.
   */
  readonly longestRecord?: number;
}

/** How many records {@link RingBufferReader.drain} hands out at most by default. */
const defaultLimit = 65_536;

/**
 * The consumer of a ring buffer map (5.8), of which there may be only one. Records are read from mapped
 * memory, without a copy and without a system call.
 *
 * A ring drops records when it is full; the program that writes must count those, for the kernel does not.
 *
 * `drain`, `drainUntil`, `peekUntil` and `wait` throw EbpfError after disposal.
 */
export class RingBufferReader implements Disposable {
  readonly #consumer: Mapping;
  readonly #producer: Mapping;
  readonly #data: DataView;
  readonly #walker: RingWalker;
  readonly #readiness: Readiness;
  #disposed = false;

  /**
   * The map may be disposed of before the reader.
   *
   * @throws SyscallError; EbpfError for a map of another kind; OptionError for options that make no sense.
   */
  constructor(map: BpfMap, { longestRecord = map.maxEntries }: RingBufferOptions = {}) {
    if (map.type !== MapType.ringbuf) {
      throw new EbpfError(
        `map ${map.name} is a ${mapTypeName(map.type)}, not a ${mapTypeName(MapType.ringbuf)}`,
      );
    }
    const page = pageSize();
    const size = map.maxEntries;
    if (!(longestRecord > 0))
      throw new OptionError(`longestRecord is ${longestRecord}: expected bytes above 0`);
    // What follows the ring's end is its start: a record that begins before it is whole there.
    const again = Math.min(size, Math.ceil(longestRecord / page) * page);
    const what = `ring buffer ${map.name}`;
    using cleanup = new Cleanup();
    this.#consumer = cleanup.use(new Mapping(map.fd, { length: page, writable: true, what }));
    // One page with the producer's position, then the data, then its start again.
    const producer = { length: page + size + again, offset: page, writable: false, what };
    this.#producer = cleanup.use(new Mapping(map.fd, producer));
    this.#readiness = cleanup.use(new Readiness());
    this.#readiness.add(map.fd);
    this.#data = new DataView(this.#producer.buffer, page, size + again);
    this.#walker = new RingWalker({
      consumer: this.#consumer.buffer,
      producer: this.#producer.buffer,
      data: this.#data,
      size,
    });
    cleanup.keep();
  }

  /** Bytes of the ring. */
  get size(): number {
    return this.#walker.size;
  }

  /** An epoll descriptor that becomes readable, edge-triggered, when a program wakes the reader. */
  get epollFd(): number {
    return this.#readiness.fd;
  }

  /** Where the consumer stands, in bytes since the ring's creation: all before was handed out. */
  get position(): number {
    return this.#walker.position;
  }

  /**
   * Where the producers stand, in bytes since the ring's creation. A program that takes its timestamp after reserving
   * has reserved before this position whatever it stamps earlier than now: after {@link drainUntil} this position, all
   * records up to a time read before it are there.
   */
  producerPosition(): number {
    return this.#walker.producerPosition();
  }

  /** Bytes reserved and not yet handed out, headers included. */
  available(): number {
    return this.#walker.producerPosition() - this.#walker.position;
  }

  /** Counts since the reader was made. */
  get statistics(): RingStatistics {
    return this.#walker.statistics;
  }

  /**
   * Hands out the records that are there, at most `limit`. Does not wait; ends early at a record which its program has
   * reserved and not yet submitted.
   *
   * @returns how many records were handed out.
   */
  drain(onRecord: OnRecord, limit: number = defaultLimit): number {
    this.#check();
    return this.#walker.drain(onRecord, limit, Number.POSITIVE_INFINITY);
  }

  /**
   * Hands out the records before a position, at most `limit`.
   *
   * @returns whether the position was reached. If not, more were there than `limit`, or a record before the position
   * is not yet submitted: call again.
   */
  drainUntil(position: number, onRecord: OnRecord, limit: number = defaultLimit): boolean {
    this.#check();
    this.#walker.drain(onRecord, limit, position);
    return this.#walker.position >= position;
  }

  /**
   * Hands out the records before a position as runs, at most `limit` of them. Unlike those of {@link drainUntil}, they stay in
   * the ring, and valid, until {@link release} gives their space back.
   *
   * @returns whether the position was reached.
   */
  peekUntil(position: number, onRun: OnRun, limit: number = defaultLimit): boolean {
    this.#check();
    this.#walker.peek(onRun, limit, position);
    return this.#walker.position >= position;
  }

  /**
   * Hands out the records that are there as runs, at most `limit` of them, and does not wait: sooner than {@link drain} where there are many
   * of one length.
   *
   * @returns how many records were handed out.
   */
  drainRuns(onRun: OnRun, limit: number = defaultLimit): number {
    this.#check();
    return this.#walker.drainRuns(onRun, limit);
  }

  /**
   * Gives back the space of records that {@link peekUntil} handed out, from the oldest on.
   *
   * @param end Where the last of them ends in the view, rounded up to a multiple of eight bytes. Default: all of them.
   */
  release(end?: number): void {
    if (!this.#disposed) this.#walker.release(end);
  }

  /**
   * Gives back the space of records up to a {@link RingBufferReader.position} that this reader, or an earlier one, had. A later reader begins there, as
   * this one does if it has not come so far.
   */
  releaseTo(position: number): void {
    if (!this.#disposed) this.#walker.releaseTo(position);
  }

  /** Bytes that programs cannot reserve: in use, headers included. */
  get occupied(): number {
    return this.#walker.occupied;
  }

  /** The memory in which records are: what callbacks get as `view`. */
  get data(): DataView {
    return this.#data;
  }

  /**
   * Resolves to true once a record can be drained, to false at the timeout, at the abort or when the reader is
   * disposed of, if there is none. At least one turn of the event loop passes.
   *
   * Records submitted with BPF_RB_NO_WAKEUP do not end the wait: give a timeout where programs use it.
   */
  wait(options: WaitOptions = {}): Promise<boolean> {
    this.#check();
    return this.#readiness.wait(() => !this.#disposed && this.#walker.ready(), options);
  }

  #check(): void {
    if (this.#disposed) throw new EbpfError('the ring buffer reader was already disposed of');
  }

  /** Ends a wait under way and unmaps the ring. Records not yet consumed stay for the next reader. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#walker.stop();
    this.#readiness[Symbol.dispose]();
    this.#producer[Symbol.dispose]();
    this.#consumer[Symbol.dispose]();
  }
}
