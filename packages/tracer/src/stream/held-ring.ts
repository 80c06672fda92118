/**
 * A ring buffer whose events stay there until whoever handles them says that they are kept. Should the process die before, another one
 * reads them again, and leaves out those that had been handled.
 */
import { type BpfMap, EbpfError, RingBufferReader, type WaitOptions } from '@weir/ebpf';
import { possibleCpus } from '@weir/ebpf/sys';
import { offsetsTcpEvent, sizeofTcpEvent } from '../generated/tcp.js';
import type { EventRing, OnEvents, ReadToMark } from './event-ring.js';
import type { EventBlock } from './staging.js';
import { EVENT_STRIDE } from './staging.js';

const { timeNs: timeAt, cpu: cpuAt } = offsetsTcpEvent;

/** Which events have been handed out. */
export interface RingPosition {
  /** All events before this place were, in bytes since the ring was made. */
  readonly ring: number;
  /** Their number, by CPU. */
  readonly read: readonly number[];
  /** Behind it, all events that are older than this were, CLOCK_MONOTONIC in nanoseconds; 0: none. */
  readonly untilNs: number;
  /** Events of exactly that time, behind it, that were: the first ones. */
  readonly atUntil: number;
}

/** The ring was read up to a place. */
interface Mark {
  readonly ring: number;
  readonly read: readonly number[];
  /** The newest event before it. */
  readonly newestNs: number;
}

/** Events that an earlier reader has handled. */
interface Handled {
  readonly untilNs: number;
  /** So many events of exactly that time are still to come. */
  atUntil: number;
  /** None are behind this place. */
  readonly end: number;
}

/** What reads the ring; replaced in tests. */
export type HeldRingReader = Pick<
  RingBufferReader,
  'position' | 'producerPosition' | 'occupied' | 'size' | 'peekUntil' | 'releaseTo' | 'wait'
> &
  Disposable;

/** Programs stamp an event after they have reserved its place, so that events behind a mark are younger than it. */
export class HeldRing implements EventRing {
  readonly delayNs = 0n;
  readonly memory = undefined;
  /** Events by CPU that an earlier reader has read. */
  readonly skipped: number[];
  readonly #reader: HeldRingReader;
  readonly #read: number[];
  readonly #marks: Mark[] = [];
  #base: Pick<RingPosition, 'ring' | 'read'>;
  #newestNs = 0;
  #handedNs: number;
  #atHanded: number;
  #handled: Handled | undefined;

  /**
   * Takes ownership of the reader.
   *
   * @param cpus One more than the highest number of a CPU.
   * @param start Where an earlier reader was.
   * @throws EbpfError where events behind that are gone
   */
  constructor(reader: HeldRingReader, cpus: number, start?: RingPosition) {
    this.#reader = reader;
    if (start !== undefined && this.#reader.position > start.ring) {
      this.#reader[Symbol.dispose]();
      throw new EbpfError('events behind the position at which reading is to go on are gone');
    }
    this.#base = start ?? { ring: this.#reader.position, read: [] };
    this.#reader.releaseTo(this.#base.ring);
    this.skipped = Array.from({ length: cpus }, (_, cpu) => this.#base.read[cpu] ?? 0);
    this.#read = [...this.skipped];
    this.#handedNs = start?.untilNs ?? 0;
    this.#atHanded = start?.atUntil ?? 0;
    if (start !== undefined && start.untilNs > 0)
      this.#handled = { ...start, end: this.#reader.producerPosition() };
  }

  /** Room is given back by {@link commit} only. */
  release(): void {}

  isCrowded(): boolean {
    return false;
  }

  /** The part of the ring that programs cannot use, 0 to 1. */
  get used(): number {
    return this.#reader.occupied / this.#reader.size;
  }

  mark(): ReadToMark {
    const end = this.#reader.producerPosition();
    return (onEvents, limit) => {
      const before = this.#reader.position;
      const isDone = this.#reader.peekUntil(end, (...run) => this.#note(onEvents, ...run), limit);
      const { position } = this.#reader;
      if (position !== before)
        this.#marks.push({ ring: position, read: [...this.#read], newestNs: this.#newestNs });
      if (this.#handled !== undefined && position >= this.#handled.end) this.#handled = undefined;
      return isDone;
    };
  }

  reportedLost(): number {
    return 0;
  }

  wait(options: WaitOptions): Promise<boolean> {
    return this.#reader.wait(options);
  }

  /** Events were handed out, in order. */
  handed({ view }: EventBlock, offset: number, count: number): void {
    const last = timeOf(view, offset + (count - 1) * EVENT_STRIDE);
    let same = 1;
    while (same < count && timeOf(view, offset + (count - 1 - same) * EVENT_STRIDE) === last) same++;
    this.#atHanded = same === count && last === this.#handedNs ? this.#atHanded + same : same;
    this.#handedNs = last;
  }

  /** What was handed out so far. @param isAll Whether that is all that was read. */
  position(isAll: boolean): RingPosition {
    const marks = this.#marks;
    let passed = 0;
    while (passed < marks.length && (isAll || marks[passed]!.newestNs < this.#handedNs)) passed++;
    if (passed > 0) {
      const [mark] = marks.splice(0, passed).slice(-1);
      this.#base = { ring: mark!.ring, read: mark!.read };
    }
    if (isAll) {
      // Behind this, only an earlier reader has handed events out.
      this.#handedNs = this.#handled?.untilNs ?? 0;
      this.#atHanded = this.#handled?.atUntil ?? 0;
    }
    const { ring, read } = this.#base;
    return { ring, read, untilNs: this.#handedNs, atUntil: this.#atHanded };
  }

  /** Lets programs write anew where events before a position are: no reader will need them. */
  commit({ ring }: RingPosition): void {
    this.#reader.releaseTo(ring);
  }

  [Symbol.dispose](): void {
    this.#reader[Symbol.dispose]();
  }

  #note(onEvents: OnEvents, view: DataView, offset: number, count: number, stride: number): void {
    for (let index = 0, at = offset; index < count; index++, at += stride) {
      this.#read[view.getUint32(at + cpuAt, true)]!++;
      const time = timeOf(view, at);
      if (time > this.#newestNs) this.#newestNs = time;
      if (this.#handled === undefined) continue;
      if (this.#isHandled(time)) this.skipped[view.getUint32(at + cpuAt, true)]!++;
      else onEvents(view, at, 1, stride);
    }
    if (this.#handled === undefined) onEvents(view, offset, count, stride);
  }

  #isHandled(time: number): boolean {
    const handled = this.#handled!;
    if (time !== handled.untilNs) return time < handled.untilNs;
    if (handled.atUntil === 0) return false;
    handled.atUntil--;
    return true;
  }
}

function timeOf(view: DataView, at: number): number {
  return view.getUint32(at + timeAt, true) + view.getUint32(at + timeAt + 4, true) * 2 ** 32;
}

/** Opens a ring buffer, at its beginning or where an earlier reader was. @throws SyscallError; as the constructor */
export function openHeldRing(map: BpfMap, start?: RingPosition): HeldRing {
  const reader = new RingBufferReader(map, { longestRecord: sizeofTcpEvent });
  return new HeldRing(reader, Math.max(...possibleCpus()) + 1, start);
}
