/** The ring into which the kernel programs write events: a ring buffer, or before Linux 5.8 a perf ring for each CPU. */
import { type BpfMap, MapType, PerfBufferReader, RingBufferReader, type WaitOptions } from '@weir/ebpf';
import { onlineCpus } from '@weir/ebpf/sys';
import { sizeofTcpEvent } from '../generated/tcp.js';
import type { EventBlock } from './staging.js';

/** The part of the ring in use from which on it is crowded. */
const CROWDED = 0.75;

/**
 * Receives the place of events: `count` of them, each `stride` bytes after the one before. They are there during the call only,
 * unless the view is that of {@link EventRing.memory}.
 */
export type OnEvents = (view: DataView, offset: number, count: number, stride: number) => void;

/** Reads up to a place that was marked, at most `limit` events. False if not all of them were there yet. */
export type ReadToMark = (onEvents: OnEvents, limit: number) => boolean;

export interface EventRing extends Disposable {
  /**
   * The longest time for which an event can be on its way into the ring when the end of the ring is marked: events that are
   * older than this are before the mark.
   */
  readonly delayNs: bigint;
  /** Where events stay until {@link release}; undefined for a ring whose events are there during the call only. */
  readonly memory: EventBlock | undefined;
  /**
   * Lets programs write anew where the oldest events are.
   *
   * @param end Where the last of these events ends in {@link memory}, bytes. Default: that of all that were read.
   */
  release(end?: number): void;
  /** Whether the ring will soon be full: because of events that were read and not released, and of others since then. */
  isCrowded(): boolean;
  /** Marks where the ring ends now. */
  mark(): ReadToMark;
  /** Events of a CPU that the kernel reported as dropped. A ring buffer reports none: the programs know. */
  reportedLost(cpu: number): number;
  /** Events by CPU that count as read besides those that were handed out. */
  readonly skipped?: readonly number[];
  /** Learns of events that the reader was given, in order. A ring with this keeps all events until they are committed. */
  handed?(block: EventBlock, offset: number, count: number): void;
  wait(options: WaitOptions): Promise<boolean>;
}

/** Programs stamp an event after they have reserved its place: whatever lies beyond the end is younger. */
class RingBuffer implements EventRing {
  readonly delayNs = 0n;
  readonly memory: EventBlock;
  readonly #reader: RingBufferReader;

  constructor(map: BpfMap) {
    this.#reader = new RingBufferReader(map, { longestRecord: sizeofTcpEvent });
    const { data } = this.#reader;
    this.memory = { view: data, words: new Uint32Array(data.buffer, data.byteOffset, data.byteLength / 4) };
  }

  release(end?: number): void {
    this.#reader.release(end);
  }

  isCrowded(): boolean {
    return this.#reader.occupied > CROWDED * this.#reader.size && this.#reader.available() > 0;
  }

  mark(): ReadToMark {
    const end = this.#reader.producerPosition();
    return (onEvents, limit) => this.#reader.peekUntil(end, onEvents, limit);
  }

  reportedLost(): number {
    return 0;
  }

  wait(options: WaitOptions): Promise<boolean> {
    return this.#reader.wait(options);
  }

  [Symbol.dispose](): void {
    this.#reader[Symbol.dispose]();
  }
}

/** Programs stamp an event before it is copied into their CPU's ring; only interrupts come in between. */
class PerfBuffer implements EventRing {
  readonly delayNs = 50_000_000n;
  readonly memory = undefined;
  readonly #reader: PerfBufferReader;

  constructor(map: BpfMap, bytes: number, immediate: boolean) {
    const bytesPerCpu = bytes / onlineCpus().length;
    const wakeupBytes = immediate ? 1 : Math.ceil(bytesPerCpu / 8);
    this.#reader = new PerfBufferReader(map, { bytesPerCpu, wakeupBytes });
  }

  release(): void {}

  isCrowded(): boolean {
    return false;
  }

  mark(): ReadToMark {
    this.#reader.addOnlineCpus();
    const ends = this.#reader.positions();
    return (onEvents, limit) =>
      this.#reader.drainUntil(ends, (view, offset) => onEvents(view, offset, 1, sizeofTcpEvent), limit);
  }

  reportedLost(cpu: number): number {
    return this.#reader.lost(cpu);
  }

  wait(options: WaitOptions): Promise<boolean> {
    return this.#reader.wait(options);
  }

  [Symbol.dispose](): void {
    this.#reader[Symbol.dispose]();
  }
}

/** Reads what is in a ring, and lets programs write there anew. @param onEvent Gets each event while it is there. */
export function readEvents(ring: EventRing, onEvent: (view: DataView, offset: number) => void): void {
  const readToMark = ring.mark();
  let isDone = false;
  while (!isDone) {
    let read = 0;
    isDone = readToMark((view, offset, count, stride) => {
      for (let index = 0; index < count; index++) onEvent(view, offset + index * stride);
      read += count;
    }, 1024);
    ring.release();
    // What is written at this moment is read the next time.
    if (read === 0) return;
  }
}

/**
 * Opens the ring of programs.
 *
 * @param bytes of all rings together.
 * @param immediate As in TracerOptions.
 */
export function openEventRing(map: BpfMap, bytes: number, immediate = false): EventRing {
  return map.type === MapType.ringbuf ? new RingBuffer(map) : new PerfBuffer(map, bytes, immediate);
}
