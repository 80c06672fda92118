/** All that waits between the ring and the reader, in order: events as the kernel's bytes, and records that are no events. */
import { EventFlag, offsetsTcpEvent, sizeofTcpEvent } from '../generated/tcp.js';
import type { OtherRecord } from '../records/record.js';
import { eventNames } from './decode.js';
import type { EventCorrection } from './event-correction.js';
import { EventQueue } from './event-queue.js';
import type { EventRing } from './event-ring.js';
import { type LossCounts, noLosses } from './losses.js';
import { RecordQueue } from './record-queue.js';
import { EVENT_STRIDE, EVENT_STRIDE_WORDS, type EventBlock, Staging } from './staging.js';
import { emptyCounts } from './statistics.js';

const { timeNs: timeAt, cpu: cpuAt } = offsetsTcpEvent;
const KIND = offsetsTcpEvent.event / 4;
const FLAGS = offsetsTcpEvent.flags / 4;

/** The unit in which the queue counts places in the ring, bytes. */
const UNIT = 8;
const STEP = EVENT_STRIDE / UNIT;
/** Added to places in the staging, which stand in the queue beside those in the ring. */
const STAGED = 0x8000_0000;
/** Stands in the queue for a record that is no event. */
const OTHER = 0xffff_ffff;

/** Receives what is delivered. */
export interface RecordSink {
  /**
   * Events, each {@link EVENT_STRIDE} bytes after the one before. They are there during the call only, or until {@link keep}.
   *
   * @param offset Where in the block the first one is, bytes.
   */
  events(block: EventBlock, offset: number, count: number): void;
  /**
   * Copies those of the events that are still needed, which will be gone after the call. A sink that has this method may read
   * events until it is called, or asks for the next ones.
   */
  keep?(): void;
  /** A record that is no event. */
  record(record: OtherRecord): void;
}

/** The ring, as far as events wait in it. */
export type WaitingRing = Pick<EventRing, 'memory' | 'release' | 'isCrowded' | 'handed'>;

/**
 * Events that are in order stay in the ring, if it can hold them, and are read there. Others, and
 * all whenever the ring is needed for new ones, are copied into the staging.
 */
export class WaitingRecords {
  readonly #ring: WaitingRing;
  readonly #correction: EventCorrection | undefined;
  readonly #staging = new Staging();
  /** The events to deliver, in order, by their places; {@link OTHER} where the next of `#others` comes. */
  readonly #queue = new EventQueue();
  readonly #others = new RecordQueue<OtherRecord>();
  /** Events of the queue that are in the ring, in which they have the same order. */
  #inRing = 0;
  #mayStay = true;
  /** The sink that reads what it was handed in the ring, and where the last of that ends. */
  #lent: { readonly sink: RecordSink; end: number } | undefined;
  readonly #kinds = new Float64Array(eventNames.length);
  #times = new Float64Array(256);
  /** Records handed out, by kind. */
  readonly delivered = emptyCounts();
  /** Losses handed out, by place. */
  readonly deliveredLosses: { -readonly [Place in keyof LossCounts]: number } = { ...noLosses };

  /** @param correction of events whose process is not known for certain. */
  constructor(ring: WaitingRing, correction?: EventCorrection) {
    this.#ring = ring;
    this.#correction = correction;
  }

  /** Records that can be delivered. */
  get length(): number {
    return this.#queue.length;
  }

  /** Records among them that are no events. */
  get others(): number {
    return this.#others.length;
  }

  /** Events that came older than one already released. */
  get inversions(): number {
    return this.#queue.inversions;
  }

  /** Whether all that was added was handed out. */
  get isEmpty(): boolean {
    return this.#queue.size === 0;
  }

  /** Whether events that wait, or are being read, take up room in the ring. */
  get occupiesRing(): boolean {
    return this.#inRing > 0 || this.#lent !== undefined;
  }

  /** Whether events may stay in the ring, for a reader that will soon take them. */
  set mayStay(value: boolean) {
    this.#mayStay = value;
    if (!value) this.leaveRing();
  }

  /**
   * Adds events that the ring hands out.
   *
   * @param offset Of the first in `view`.
   * @param stride Bytes from one to the next.
   * @param perCpu Counts them by their CPU.
   */
  add(view: DataView, offset: number, count: number, stride: number, perCpu: number[]): void {
    this.#readHeads(view, offset, count, stride, perCpu);
    let staying = 0;
    if (this.#mayStay && stride === EVENT_STRIDE && view === this.#ring.memory?.view)
      staying = this.#queue.pushRun(this.#times, 0, count, offset / UNIT, STEP);
    this.#inRing += staying;
    for (let done = staying; done < count; ) {
      const now = Math.min(count - done, this.#staging.room);
      const place = this.#copy(view, offset + done * stride, now, stride);
      this.#pushStaged(done, now, place);
      done += now;
    }
    if (!this.occupiesRing) this.#ring.release();
  }

  /** Most of them are in order: then they cost a fraction of what one does that has to be moved. */
  #pushStaged(first: number, count: number, place: number): void {
    const times = this.#times;
    for (let done = 0; done < count; ) {
      done += this.#queue.pushRun(times, first + done, count - done, STAGED + place + done, 1);
      if (done === count) return;
      this.#queue.push(times[first + done]!, STAGED + place + done);
      done++;
    }
  }

  /** Notes the times of events. Nothing else of them is read, since each part of memory that is looked at here costs time twice. */
  #readHeads(view: DataView, offset: number, count: number, stride: number, perCpu: number[]): void {
    if (count > this.#times.length) this.#times = new Float64Array(count);
    const times = this.#times;
    for (let index = 0, at = offset; index < count; index++, at += stride) {
      times[index] = view.getUint32(at + timeAt, true) + view.getUint32(at + timeAt + 4, true) * 2 ** 32;
      perCpu[view.getUint32(at + cpuAt, true)]!++;
    }
  }

  /** Copies events into the staging. @returns the place of the first. */
  #copy(from: DataView, offset: number, count: number, stride: number): number {
    const place = this.#staging.put(from, offset, count, stride);
    if (this.#correction === undefined) return place;
    const { view } = this.#staging.block(place);
    const first = this.#staging.offset(place);
    for (let index = 0; index < count; index++) this.#correction.correct(view, first + index * EVENT_STRIDE);
    return place;
  }

  /** Copies what waits in the ring, and what is being read there, so that programs have all its room. */
  leaveRing(): void {
    const { memory } = this.#ring;
    if (memory === undefined) return;
    this.endLoan();
    for (let index = 0; this.#inRing > 0; ) {
      const place = this.#queue.at(index);
      if (place >= STAGED) {
        index++;
        continue;
      }
      const run = this.#queue.runLength(index, this.#staging.room, STEP);
      this.#queue.moveRun(index, run, STAGED + this.#copy(memory.view, place * UNIT, run, EVENT_STRIDE));
      this.#inRing -= run;
      index += run;
    }
    this.#ring.release();
  }

  /** Lets all events up to a time be delivered. */
  release(time: number): void {
    this.#queue.release(time);
  }

  /** Adds a record behind those that can be delivered. */
  append(record: OtherRecord): void {
    this.#others.push(record);
    this.#queue.append(OTHER);
  }

  /** Hands the next events and records over, in order, at most `limit`. @returns how many. */
  takeInto(sink: RecordSink, limit: number): number {
    this.endLoan(sink);
    if (this.#inRing > 0 && this.#ring.isCrowded()) this.leaveRing();
    const count = Math.min(this.#queue.length, limit);
    for (let left = count; left > 0; ) {
      const place = this.#queue.at(0);
      if (place === OTHER) {
        this.#queue.remove(1);
        this.#takeOther(sink);
        left--;
      } else {
        left -= place < STAGED ? this.#takeFromRing(sink, place, left) : this.#takeStaged(sink, place, left);
      }
    }
    return count;
  }

  #takeOther(sink: RecordSink): void {
    const record = this.#others.shift();
    if (record.event === 'lost') this.deliveredLosses[record.where] += record.count;
    else this.delivered[record.event]++;
    sink.record(record);
  }

  #takeFromRing(sink: RecordSink, place: number, limit: number): number {
    const count = this.#queue.runLength(0, limit, STEP);
    const block = this.#ring.memory!;
    const offset = place * UNIT;
    if (this.#areUncertain(block, offset, count)) {
      this.leaveRing();
      return this.#takeStaged(sink, this.#queue.at(0), count);
    }
    this.#queue.remove(count);
    this.#handOver(sink, block, offset, count);
    this.#inRing -= count;
    const end = offset + (count - 1) * EVENT_STRIDE + sizeofTcpEvent;
    if (sink.keep === undefined) this.#releaseUpTo(end);
    else this.#lent = { sink, end };
    return count;
  }

  #releaseUpTo(end: number): void {
    // Behind the last one there may be events that were copied.
    if (this.#inRing === 0) this.#ring.release();
    else this.#ring.release(end);
  }

  /** Gives back the room of events that were handed over. @param sink Asks for the next ones, so that it needs these no longer. */
  endLoan(sink?: RecordSink): void {
    const lent = this.#lent;
    if (lent === undefined) return;
    if (lent.sink !== sink) lent.sink.keep?.();
    this.#lent = undefined;
    this.#releaseUpTo(lent.end);
  }

  /** Whether one of these events may need a correction, for which it has to be copied. */
  #areUncertain({ words }: EventBlock, offset: number, count: number): boolean {
    if (this.#correction === undefined) return false;
    let flags = 0;
    for (let index = 0, word = offset / 4 + FLAGS; index < count; index++, word += EVENT_STRIDE_WORDS)
      flags |= words[word]!;
    return (flags & EventFlag.EVENT_BY_LISTENER) !== 0;
  }

  #takeStaged(sink: RecordSink, staged: number, limit: number): number {
    const place = staged - STAGED;
    const count = this.#queue.runLength(0, Math.min(limit, this.#staging.following(place)), 1);
    this.#queue.remove(count);
    this.#handOver(sink, this.#staging.block(place), this.#staging.offset(place), count);
    sink.keep?.();
    this.#staging.release(place, count);
    return count;
  }

  #handOver(sink: RecordSink, block: EventBlock, offset: number, count: number): void {
    const { words } = block;
    const kinds = this.#kinds.fill(0);
    for (let index = 0, word = offset / 4 + KIND; index < count; index++, word += EVENT_STRIDE_WORDS)
      kinds[words[word]!]!++;
    for (const [kind, name] of eventNames.entries()) this.delivered[name] += kinds[kind]!;
    sink.events(block, offset, count);
    this.#ring.handed?.(block, offset, count);
  }

  /**
   * Shows events and records that stay, in order.
   *
   * @param start The first one, counted from the oldest, and the first from there on that is no event, counted among its like.
   */
  each(
    { from, fromOther }: { readonly from: number; readonly fromOther: number },
    onEvent: (view: DataView, offset: number) => void,
    onOther: (record: OtherRecord) => void,
  ): void {
    let other = fromOther;
    for (let index = from; index < this.#queue.length; index++) {
      const place = this.#queue.at(index);
      if (place === OTHER) onOther(this.#others.at(other++));
      else if (place < STAGED) onEvent(this.#ring.memory!.view, place * UNIT);
      else {
        const staged = place - STAGED;
        onEvent(this.#staging.block(staged).view, this.#staging.offset(staged));
      }
    }
  }

  /** Drops the newest records, beyond a length; none of them may be in the ring. @returns the events' number, and the other records. */
  truncate(length: number): { events: number; others: readonly OtherRecord[] } {
    const dropped = this.#queue.truncate(length);
    const events = dropped.filter((place) => place !== OTHER);
    for (const place of events) this.#staging.release(place - STAGED);
    const others = this.#others.truncate(this.#others.length - (dropped.length - events.length));
    return { events: events.length, others };
  }
}
