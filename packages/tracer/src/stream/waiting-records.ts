/** All that waits between the ring and the reader, in order: events as the kernel's bytes, and records that are no events. */
import { EventFlag, offsetsTcpEvent, sizeofTcpEvent } from '../generated/tcp.js';
import type { OtherRecord, TraceRecord } from '../records/record.js';
import { type EventDecoder, eventNames } from './decode.js';
import type { EventCorrection } from './event-correction.js';
import { EventQueue } from './event-queue.js';
import type { EventRing } from './event-ring.js';
import { RecordQueue } from './record-queue.js';
import { EVENT_STRIDE, EVENT_STRIDE_WORDS, type EventBlock, Staging } from './staging.js';
import { emptyCounts } from './statistics.js';

const { timeNs: timeAt, cpu: cpuAt, flags: flagsAt } = offsetsTcpEvent;
const KIND = offsetsTcpEvent.event / 4;

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
   * Events, each {@link EVENT_STRIDE} bytes after the one before. They are there during the call only.
   *
   * @param offset Where in the block the first one is, bytes.
   */
  events(block: EventBlock, offset: number, count: number): void;
  /** A record that is no event. */
  record(record: OtherRecord): void;
}

/** The ring, as far as events wait in it. */
export type WaitingRing = Pick<EventRing, 'memory' | 'release' | 'isCrowded'>;

/**
 * Events that are in order stay in the ring, if it can hold them: the first copy is that which the reader makes. Others, and
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
  readonly #kinds = new Float64Array(eventNames.length);
  #times = new Float64Array(256);
  /** Records handed out, by kind. */
  readonly delivered = emptyCounts();

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

  /** Whether events wait in the ring, and take up its room. */
  get occupiesRing(): boolean {
    return this.#inRing > 0;
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
    const areCertain = this.#readHeads(view, offset, count, stride, perCpu);
    let staying = 0;
    if (this.#mayStay && areCertain && stride === EVENT_STRIDE && view === this.#ring.memory?.view)
      staying = this.#queue.pushRun(this.#times, count, offset / UNIT, STEP);
    this.#inRing += staying;
    for (let done = staying; done < count; ) {
      const now = Math.min(count - done, this.#staging.room);
      this.#copy(view, offset + done * stride, now, stride, done);
      done += now;
    }
    if (this.#inRing === 0) this.#ring.release();
  }

  /** Notes the times of events. @returns false if one may need a correction. */
  #readHeads(view: DataView, offset: number, count: number, stride: number, perCpu: number[]): boolean {
    if (count > this.#times.length) this.#times = new Float64Array(count);
    const times = this.#times;
    let flags = 0;
    for (let index = 0, at = offset; index < count; index++, at += stride) {
      times[index] = view.getUint32(at + timeAt, true) + view.getUint32(at + timeAt + 4, true) * 2 ** 32;
      perCpu[view.getUint32(at + cpuAt, true)]!++;
      flags |= view.getUint32(at + flagsAt, true);
    }
    return this.#correction === undefined || (flags & EventFlag.EVENT_BY_LISTENER) === 0;
  }

  /** Copies events into the staging. @param first The place of the first one's time. */
  #copy(from: DataView, offset: number, count: number, stride: number, first: number): void {
    const place = this.#staging.put(from, offset, count, stride);
    const { view } = this.#staging.block(place);
    for (let index = 0; index < count; index++) {
      this.#correction?.correct(view, this.#staging.offset(place + index));
      this.#queue.push(this.#times[first + index]!, STAGED + place + index);
    }
  }

  /** Copies what waits in the ring into the staging, so that programs have all its room. */
  leaveRing(): void {
    const { memory } = this.#ring;
    if (memory === undefined) return;
    for (let index = 0; this.#inRing > 0; ) {
      const place = this.#queue.at(index);
      if (place >= STAGED) {
        index++;
        continue;
      }
      const run = this.#queue.runLength(index, this.#staging.room, STEP);
      this.#queue.moveRun(
        index,
        run,
        STAGED + this.#staging.put(memory.view, place * UNIT, run, EVENT_STRIDE),
      );
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
    if (record.event !== 'lost') this.delivered[record.event]++;
    sink.record(record);
  }

  #takeFromRing(sink: RecordSink, place: number, limit: number): number {
    const count = this.#queue.runLength(0, limit, STEP);
    this.#queue.remove(count);
    this.#handOver(sink, this.#ring.memory!, place * UNIT, count);
    this.#inRing -= count;
    // Behind the last one there may be events that were copied.
    if (this.#inRing === 0) this.#ring.release();
    else this.#ring.release(place * UNIT + (count - 1) * EVENT_STRIDE + sizeofTcpEvent);
    return count;
  }

  #takeStaged(sink: RecordSink, staged: number, limit: number): number {
    const place = staged - STAGED;
    const count = this.#queue.runLength(0, Math.min(limit, this.#staging.following(place)), 1);
    this.#queue.remove(count);
    this.#handOver(sink, this.#staging.block(place), this.#staging.offset(place), count);
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
  }

  /**
   * Shows records that stay.
   *
   * @param from The first one, counted from the oldest.
   * @param fromOther The first from there on that is no event, counted among its like.
   */
  each(
    from: number,
    fromOther: number,
    decoder: EventDecoder,
    onRecord: (record: TraceRecord) => void,
  ): void {
    let other = fromOther;
    for (let index = from; index < this.#queue.length; index++) {
      const place = this.#queue.at(index);
      onRecord(place === OTHER ? this.#others.at(other++) : this.#decode(place, decoder));
    }
  }

  #decode(place: number, decoder: EventDecoder): TraceRecord {
    if (place < STAGED) return decoder.decode(this.#ring.memory!.view, place * UNIT);
    const staged = place - STAGED;
    return decoder.decode(this.#staging.block(staged).view, this.#staging.offset(staged));
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
