/** The ring into which the kernel programs write events: a ring buffer, or before Linux 5.8 a perf ring for each CPU. */
import { type BpfMap, MapType, PerfBufferReader, RingBufferReader, type WaitOptions } from '@weir/ebpf';
import { onlineCpus } from '@weir/ebpf/sys';
import { sizeofTcpEvent } from '../generated/tcp.js';

/** Receives the place of each event. */
export type OnEvent = (view: DataView, offset: number) => void;

/** Reads up to a place that was marked, at most `limit` events. False if not all of them were there yet. */
export type ReadToMark = (onEvent: OnEvent, limit: number) => boolean;

export interface EventRing extends Disposable {
  /**
   * The longest time for which an event can be on its way into the ring when the end of the ring is marked: events that are
   * older than this are before the mark.
   */
  readonly delayNs: bigint;
  /** Marks where the ring ends now. */
  mark(): ReadToMark;
  /** Events of a CPU that the kernel reported as dropped. A ring buffer reports none: the programs know. */
  reportedLost(cpu: number): number;
  wait(options: WaitOptions): Promise<boolean>;
}

/** Programs stamp an event after they have reserved its place: whatever lies beyond the end is younger. */
class RingBuffer implements EventRing {
  readonly delayNs = 0n;
  readonly #reader: RingBufferReader;

  constructor(map: BpfMap) {
    this.#reader = new RingBufferReader(map, { longestRecord: sizeofTcpEvent });
  }

  mark(): ReadToMark {
    const end = this.#reader.producerPosition();
    return (onEvent, limit) => this.#reader.drainUntil(end, onEvent, limit);
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
  readonly #reader: PerfBufferReader;

  constructor(map: BpfMap, bytes: number, immediate: boolean) {
    const bytesPerCpu = bytes / onlineCpus().length;
    const wakeupBytes = immediate ? 1 : Math.ceil(bytesPerCpu / 8);
    this.#reader = new PerfBufferReader(map, { bytesPerCpu, wakeupBytes });
  }

  mark(): ReadToMark {
    this.#reader.addOnlineCpus();
    const ends = this.#reader.positions();
    return (onEvent, limit) => this.#reader.drainUntil(ends, onEvent, limit);
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

/**
 * @param bytes of all rings together.
 * @param immediate As in TracerOptions.
 */
export function openEventRing(map: BpfMap, bytes: number, immediate = false): EventRing {
  return map.type === MapType.ringbuf ? new RingBuffer(map) : new PerfBuffer(map, bytes, immediate);
}
