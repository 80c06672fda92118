/** From the ring to the reader and to watchers: when events are taken out, and up to when they are complete. */
import { clearTimeout, setTimeout } from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicNs } from '@weir/ebpf/sys';
import { offsetsTcpEvent } from '../generated/tcp.js';
import type { KernelEventName, TraceRecord } from '../records/record.js';
import { EventDecoder, eventNames } from './decode.js';
import type { EventCorrection } from './event-correction.js';
import { EventIntake } from './event-intake.js';
import type { EventRing } from './event-ring.js';
import type { DecodeEvent, EventWatcher } from './event-watcher.js';
import type { FollowedClock } from './followed-clock.js';
import type { LossCounts, Losses } from './losses.js';
import type { RecordSource } from './record-source.js';
import { EVENT_STRIDE } from './staging.js';
import { type RecordSink, WaitingRecords } from './waiting-records.js';

/** The interval at which the ring is read while there are records, unless an eighth of it fills sooner. */
const POLL_MS = 25;
/**
 * The same for a ring whose reader keeps events in batches: each reading costs something by itself. As often, new processes are looked
 * for, whose details are gone with them.
 */
const HELD_POLL_MS = 50;
/** The interval where there have been no records for a while: each reading wakes a CPU. */
const IDLE_POLL_MS = 200;
/** The time for which events may stay in the ring, whose room programs need, while the reader lets other work have its turn. */
const STAY_MS = 10;
/** Records decoded at a time. */
const BATCH = 1024;
/**
 * Records that wait for a slow reader while live connections drain the ring. Without these, the ring is read when the reader
 * has nothing left, so that no more wait than the ring holds.
 */
const QUEUE_LIMIT = 65_536;

export class EventStream implements Disposable {
  readonly #ring: EventRing;
  readonly #clock: FollowedClock;
  readonly #losses: Losses;
  readonly #sources: readonly RecordSource[];
  readonly #decoder: EventDecoder;
  readonly #waiting: WaitingRecords;
  readonly #intake: EventIntake;
  readonly #watchers = new Set<EventWatcher>();
  readonly #decode: DecodeEvent = (view, offset) => this.#decoder.decode(view, offset);
  /** All older events have been released. */
  #releasedNs = 0n;
  /** All older events have been handed to the reader. */
  #handedNs = 0;
  readonly #leastPollMs: number;
  #pollMs: number;
  #draining: Promise<void> = Promise.resolve();
  #wait: Promise<boolean> | undefined;
  #following: Promise<void> | undefined;
  #leaving: NodeJS.Timeout | undefined;
  readonly #end = new AbortController();
  #disposed = false;
  /** Whether there is, or was, a reader: without one, records that watchers have seen are dropped. */
  hasReader = false;

  /**
   * @param sources besides the losses.
   * @param correction of events whose process is not known for certain.
   */
  constructor(
    ring: EventRing,
    clock: FollowedClock,
    losses: Losses,
    sources: readonly RecordSource[] = [],
    correction?: EventCorrection,
  ) {
    this.#ring = ring;
    this.#leastPollMs = ring.handed === undefined ? POLL_MS : HELD_POLL_MS;
    this.#pollMs = this.#leastPollMs;
    this.#clock = clock;
    this.#losses = losses;
    this.#sources = [...sources, losses];
    this.#decoder = new EventDecoder(clock.wall);
    this.#waiting = new WaitingRecords(ring, correction);
    this.#intake = new EventIntake(ring, losses, this.#waiting);
  }

  /** Records handed out, by kind. */
  get delivered(): Readonly<Record<KernelEventName, number>> {
    return this.#waiting.delivered;
  }

  /** Events that came older than one already released. */
  get inversions(): number {
    return this.#waiting.inversions;
  }

  get isWatched(): boolean {
    return this.#watchers.size > 0;
  }

  /** Whether nothing waits for the reader. */
  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Whether the reader has been given all that was read from the ring. */
  get isHanded(): boolean {
    return this.#waiting.isEmpty;
  }

  /** Losses that the reader has been given. */
  get deliveredLosses(): LossCounts {
    return this.#waiting.deliveredLosses;
  }

  /** The time, by CLOCK_MONOTONIC in nanoseconds, up to which the reader has all that happened; 0 before the first reading. */
  get completeNs(): number {
    if (this.isEmpty) this.#handedNs = Number(this.#releasedNs);
    return this.#handedNs;
  }

  /** Shows all that is still to be delivered, and all later events and records. @returns a function that ends the watch. */
  watch(watcher: EventWatcher): () => void {
    this.#waiting.mayStay = false;
    this.#waiting.each(
      { from: 0, fromOther: 0 },
      (view, offset) => watcher.event(view, offset, this.#decode),
      (record) => watcher.record(record),
    );
    this.#watchers.add(watcher);
    return () => {
      this.#watchers.delete(watcher);
      this.#waiting.mayStay = !this.isWatched;
    };
  }

  /** The next records; so few that a reader which keeps none leaves the garbage collector little to do. */
  take(): TraceRecord[] {
    const batch: TraceRecord[] = [];
    this.takeInto(
      {
        events: ({ view }, offset, count) => {
          for (let index = 0; index < count; index++)
            batch.push(this.#decoder.decode(view, offset + index * EVENT_STRIDE));
        },
        record: (record) => void batch.push(record),
      },
      BATCH,
    );
    return batch;
  }

  /** Hands the next events and records over, in order, at most `limit`. @returns how many. */
  takeInto(sink: RecordSink, limit: number): number {
    const count = this.#waiting.takeInto(sink, limit);
    if (count > 0) this.#pollMs = this.#leastPollMs;
    return count;
  }

  /** Reads the events in the ring. @param last The programs are detached: reads all that they have emitted. */
  drain(last = false): Promise<void> {
    const drained = this.#draining.then(() => this.#drain(last));
    this.#draining = drained.catch(() => undefined);
    return drained;
  }

  /** Shows the watchers everything that has happened up to this call. */
  async catchUp(): Promise<void> {
    const now = monotonicNs();
    while (!this.#disposed) {
      await this.drain();
      if (this.#releasedNs >= now) return;
      await sleep(1);
    }
  }

  /** Until there may be something in the ring, or the signal aborts. */
  async wait(signal: AbortSignal): Promise<void> {
    // Programs wake a reader that has nothing left.
    if (this.#waiting.occupiesRing) this.#waiting.leaveRing();
    this.#wait ??= this.#waitOnce(signal);
    await this.#wait;
  }

  #waitOnce(signal: AbortSignal): Promise<boolean> {
    // From now on also while the reader is busy elsewhere. An error of the clock comes again when the ring is read.
    this.#following ??= this.#clock.followUntil(this.#end.signal).catch(() => undefined);
    return this.#ring.wait({ timeoutMs: this.#pollMs, signal }).finally(() => {
      this.#wait = undefined;
      this.#pollMs = Math.min(this.#pollMs * 1.25, IDLE_POLL_MS);
    });
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#intake.stop();
    this.#waiting.endLoan();
    clearTimeout(this.#leaving);
    this.#end.abort();
    this.#clock[Symbol.dispose]();
    this.#ring[Symbol.dispose]();
  }

  /**
   * An event beyond the end that is marked here will be younger than the moment before, less the ring's delay: all up to
   * then can be released in order. After the programs are detached, everything can.
   */
  async #drain(last: boolean): Promise<void> {
    if (this.#disposed) return;
    const now = monotonicNs();
    const complete = last ? await this.#intake.readToTheEnd() : await this.#intake.read();
    if (this.#disposed) return;
    // Everything that is released now happened before this call.
    this.#clock.follow();
    const from = this.#waiting.length;
    const fromOther = this.#waiting.others;
    const horizon = now - this.#ring.delayNs;
    if (last) this.#waiting.release(Number.POSITIVE_INFINITY);
    else if (complete) this.#waiting.release(Number(horizon));
    if (last || complete) {
      this.#releasedNs = horizon;
      this.#addRecords(last ? Number(monotonicNs()) : Number(horizon), last);
    }
    if (this.#waiting.length > from) this.#pollMs = this.#leastPollMs;
    if (this.isWatched) this.#show(from, fromOther);
    if (this.#waiting.occupiesRing) this.#leaveRingSoon();
    else this.#ring.release();
  }

  /** For a reader that does something else meanwhile. */
  #leaveRingSoon(): void {
    this.#leaving ??= setTimeout(() => {
      this.#leaving = undefined;
      this.#waiting.leaveRing();
    }, STAY_MS).unref();
  }

  #addRecords(nowNs: number, last: boolean): void {
    for (const source of this.#sources) {
      // What is lost meanwhile is reported once there is room.
      if (source === this.#losses && !last && this.isWatched && this.#waiting.length >= QUEUE_LIMIT) continue;
      for (const record of source.records(nowNs, last)) this.#waiting.append(record);
    }
  }

  /**
   * Shows watchers what was released. Without a reader, all is dropped then; with a reader that is too slow, what exceeds the
   * limit, which is counted.
   */
  #show(from: number, fromOther: number): void {
    const start = { from, fromOther };
    for (const watcher of this.#watchers) {
      this.#waiting.each(
        start,
        (view, offset) => watcher.event(view, offset, this.#decode),
        (record) => watcher.record(record),
      );
    }
    if (!this.hasReader) this.#countShown(start);
    // The ring bounds what waits, and its events are not to be dropped.
    if (this.#ring.handed !== undefined) return;
    const { events, others } = this.#waiting.truncate(this.hasReader ? QUEUE_LIMIT : 0);
    if (!this.hasReader) return;
    const losses = others.filter(({ event }) => event === 'lost');
    this.#losses.dropped += events + others.length - losses.length;
    for (const record of losses) this.#waiting.append(record);
  }

  /** What watchers were shown was delivered to nobody else. */
  #countShown(start: { readonly from: number; readonly fromOther: number }): void {
    const { delivered } = this.#waiting;
    this.#waiting.each(
      start,
      (view, offset) => {
        delivered[eventNames[view.getUint32(offset + offsetsTcpEvent.event, true)]!]++;
      },
      (record) => {
        if (record.event !== 'lost') delivered[record.event]++;
      },
    );
  }
}
