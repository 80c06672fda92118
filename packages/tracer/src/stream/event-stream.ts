/** From the ring to records: takes events out, puts them in order, and keeps them until they are read. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { monotonicNs } from '@weir/ebpf/sys';
import { offsetsTcpEvent } from '../generated/tcp.js';
import type { OtherRecord, TraceRecord } from '../records/record.js';
import { EventDecoder, eventNames } from './decode.js';
import type { EventCorrection } from './event-correction.js';
import { EventQueue } from './event-queue.js';
import type { EventRing, ReadToMark } from './event-ring.js';
import type { FollowedClock } from './followed-clock.js';
import type { Losses } from './losses.js';
import { RecordQueue } from './record-queue.js';
import type { RecordSource } from './record-source.js';
import { Staging } from './staging.js';
import { emptyCounts } from './statistics.js';

/** The interval at which the ring is read while there are records, unless an eighth of it fills sooner. */
const POLL_MS = 25;
/** The interval where there have been no records for a while: each reading wakes a CPU. */
const IDLE_POLL_MS = 200;
/** Events read from the ring before other work of this thread gets its turn. */
const CHUNK = 8192;
/** Records decoded at a time. */
const BATCH = 1024;
/**
 * Records that wait for a slow reader while live connections drain the ring. Without these, the ring is read when the reader
 * has nothing left, so that no more wait than the ring holds.
 */
const QUEUE_LIMIT = 65_536;
const { timeNs: timeAt, cpu: cpuAt, event: kindAt } = offsetsTcpEvent;
/** Stands in the queue for a record that is no event. */
const OTHER = 0xffff_ffff;
/** Maximum wait for programs that were running when they were detached. */
const LAST_RECORDS_NS = 1_000_000_000n;

/** Receives each record once, in order, before the reader. */
export type Watcher = (record: TraceRecord) => void;

/** Receives what is delivered. */
export interface RecordSink {
  /** @param offset Of a struct tcp_event in `view`, which is there during the call only. */
  event(view: DataView, offset: number): void;
  /** A record that is no event. */
  record(record: OtherRecord): void;
}

export class EventStream implements Disposable {
  readonly #ring: EventRing;
  readonly #clock: FollowedClock;
  readonly #losses: Losses;
  readonly #sources: readonly RecordSource[];
  readonly #decoder: EventDecoder;
  readonly #correction: EventCorrection | undefined;
  readonly #staging = new Staging();
  readonly #watchers = new Set<Watcher>();
  /** The events to deliver, in order, as places in the staging; {@link OTHER} where the next of `#others` comes. */
  readonly #queue = new EventQueue();
  readonly #others = new RecordQueue<OtherRecord>();
  /** Events taken out of the ring. */
  #read = 0;
  /** All older events have been released. */
  #releasedNs = 0n;
  #pollMs = POLL_MS;
  #draining: Promise<void> = Promise.resolve();
  #waiting: Promise<boolean> | undefined;
  #following: Promise<void> | undefined;
  readonly #end = new AbortController();
  #disposed = false;
  /** Records handed out, by kind. */
  readonly delivered = emptyCounts();
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
    this.#clock = clock;
    this.#losses = losses;
    this.#sources = [...sources, losses];
    this.#decoder = new EventDecoder(clock.wall);
    this.#correction = correction;
  }

  /** Events that came older than one already released. */
  get inversions(): number {
    return this.#queue.inversions;
  }

  get isWatched(): boolean {
    return this.#watchers.size > 0;
  }

  /** Whether nothing waits for the reader. */
  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  /** Shows all records that are still to be delivered, and all later ones. @returns a function that ends the watch. */
  watch(watcher: Watcher): () => void {
    this.#eachFrom(0, 0, watcher);
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** The next records; so few that a reader which keeps none leaves the garbage collector little to do. */
  take(): TraceRecord[] {
    const batch: TraceRecord[] = [];
    this.takeInto(
      {
        event: (view, offset) => void batch.push(this.#decoder.decode(view, offset)),
        record: (record) => void batch.push(record),
      },
      BATCH,
    );
    return batch;
  }

  /** Hands the next events and records over, in order, at most `limit`. @returns how many. */
  takeInto(sink: RecordSink, limit: number): number {
    const count = Math.min(this.#queue.length, limit);
    const kinds = eventNames.map(() => 0);
    for (let left = count; left > 0; left--) {
      const place = this.#queue.shift();
      if (place !== OTHER) {
        const view = this.#staging.view(place);
        const offset = this.#staging.offset(place);
        kinds[view.getUint32(offset + kindAt, true)]!++;
        sink.event(view, offset);
        this.#staging.release(place);
      } else {
        const record = this.#others.shift();
        if (record.event !== 'lost') this.delivered[record.event]++;
        sink.record(record);
      }
    }
    for (const [kind, name] of eventNames.entries()) this.delivered[name] += kinds[kind]!;
    if (count > 0) this.#pollMs = POLL_MS;
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
    this.#waiting ??= this.#waitOnce(signal);
    await this.#waiting;
  }

  #waitOnce(signal: AbortSignal): Promise<boolean> {
    // From now on also while the reader is busy elsewhere. An error of the clock comes again when the ring is read.
    this.#following ??= this.#clock.followUntil(this.#end.signal).catch(() => undefined);
    return this.#ring.wait({ timeoutMs: this.#pollMs, signal }).finally(() => {
      this.#waiting = undefined;
      this.#pollMs = Math.min(this.#pollMs * 1.25, IDLE_POLL_MS);
    });
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
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
    const complete = last ? await this.#readToTheEnd() : await this.#readUntil(this.#ring.mark());
    if (this.#disposed) return;
    // Everything that is released now happened before this call.
    this.#clock.follow();
    const from = this.#queue.length;
    const fromOther = this.#others.length;
    const horizon = now - this.#ring.delayNs;
    if (last) this.#queue.release(Number.POSITIVE_INFINITY);
    else if (complete) this.#queue.release(Number(horizon));
    if (last || complete) {
      this.#releasedNs = horizon;
      this.#addRecords(last ? Number(monotonicNs()) : Number(horizon), last);
    }
    if (this.#queue.length > from) this.#pollMs = POLL_MS;
    if (this.isWatched) this.#show(from, fromOther);
  }

  #addRecords(nowNs: number, last: boolean): void {
    for (const source of this.#sources) {
      // What is lost meanwhile is reported once there is room.
      if (source === this.#losses && !last && this.isWatched && this.#queue.length >= QUEUE_LIMIT) continue;
      for (const record of source.records(nowNs, last)) this.#append(record);
    }
  }

  #append(record: OtherRecord): void {
    this.#others.push(record);
    this.#queue.append(OTHER);
  }

  /**
   * Shows watchers what was released. Without a reader, all is dropped then; with a reader that is too slow, what exceeds the
   * limit, which is counted.
   */
  #show(from: number, fromOther: number): void {
    this.#eachFrom(from, fromOther, (record) => {
      for (const watcher of this.#watchers) watcher(record);
      if (!this.hasReader && record.event !== 'lost') this.delivered[record.event]++;
    });
    const dropped = this.#queue.truncate(this.hasReader ? QUEUE_LIMIT : 0);
    const events = dropped.filter((place) => place !== OTHER);
    for (const place of events) this.#staging.release(place);
    const others = this.#others.truncate(this.#others.length - (dropped.length - events.length));
    if (!this.hasReader) return;
    const losses = others.filter(({ event }) => event === 'lost');
    this.#losses.dropped += dropped.length - losses.length;
    for (const record of losses) this.#append(record);
  }

  /** @param from in the queue. @param fromOther in that of other records, the first that is there from `from` on. */
  #eachFrom(from: number, fromOther: number, onRecord: (record: TraceRecord) => void): void {
    let other = fromOther;
    for (let index = from; index < this.#queue.length; index++) {
      const place = this.#queue.at(index);
      onRecord(
        place === OTHER
          ? this.#others.at(other++)
          : this.#decoder.decode(this.#staging.view(place), this.#staging.offset(place)),
      );
    }
  }

  /** Reads up to a mark. False if an event before it was still being written. */
  async #readUntil(readToMark: ReadToMark): Promise<boolean> {
    for (;;) {
      const before = this.#read;
      if (readToMark(this.#accept, CHUNK)) return true;
      if (this.#read - before < CHUNK) return false;
      await nextTurn();
      if (this.#disposed) return false;
    }
  }

  /**
   * Reads all events that the programs produced. They are detached, but one may still be running on another CPU: their
   * counts show whether all events have arrived.
   */
  async #readToTheEnd(): Promise<boolean> {
    const patience = monotonicNs() + LAST_RECORDS_NS;
    for (;;) {
      const complete = await this.#readUntil(this.#ring.mark());
      if (this.#disposed) return false;
      const { perCpu } = this.#losses.kernelCounts();
      const produced = perCpu.reduce((sum, own) => sum + own.produced, 0);
      const awaited = produced - this.#losses.ring.lost(perCpu);
      if ((complete && this.#read >= awaited) || monotonicNs() > patience) return complete;
      await sleep(1);
    }
  }

  readonly #accept = (view: DataView, offset: number): void => {
    const time = view.getUint32(offset + timeAt, true) + view.getUint32(offset + timeAt + 4, true) * 2 ** 32;
    this.#read++;
    this.#losses.ring.read[view.getUint32(offset + cpuAt, true)]!++;
    const place = this.#staging.put(view, offset);
    this.#correction?.correct(this.#staging.view(place), this.#staging.offset(place));
    this.#queue.push(time, place);
  };
}
