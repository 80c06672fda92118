/** The side with privileges: makes rows of what a tracer reports, and hands them over in batches. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type EndContext, type EndRecord, endRow, type LiveDetails, TimeReader } from '@weir/history/rows';
import type { EndRow, HostRow, LossRow, OpenRow } from '@weir/history/schema';
import {
  type Connection,
  type ConnectionsOptions,
  type EventColumns,
  type LiveConnections,
  type LostRecord,
  type TraceRecord,
  type TracerApi,
  TracerStoppedError,
} from '@weir/tracer';
import type { EnrichedRecord } from '@weir/tracer/enrich';
import type { BatchContent } from '../spool/batch-sender.js';
import { BatchBuilder } from './batch-builder.js';
import { BriefConnections } from './brief-connections.js';
import type { Moment } from './moment.js';
import { type MovedSpan, OpenConnections } from './open-connections.js';
import { begunOf, type KeptState, OpenChanges } from './open-state.js';
import { lastInterval, liveInterval, openRow, type RowContext, vanishedRow } from './sweep-rows.js';

/** Options of {@link Collector}. */
export interface CollectorOptions {
  readonly tracer: TracerApi;
  readonly connections?: ConnectionsOptions;
  readonly host: HostRow;
  /** Takes a batch. False where there was no room for it; its loss is counted there. */
  readonly send: (content: BatchContent) => boolean;
  /** Keeps what is known of open connections with the batch that is sent next, for another collector. */
  readonly keepOpen?: (open: OpenConnections, moment: Moment) => void;
  /** Looks at what a record names while that is there. */
  readonly look?: (record: TraceRecord) => void;
  /** Adds details to a record. */
  readonly enrich?: (record: TraceRecord) => EnrichedRecord;
  /** Details of a live connection. */
  readonly details?: (connection: Connection) => LiveDetails;
  /** Whether what the tracer has handed over should soon be in a batch, for room in its ring. */
  readonly isCrowded?: () => boolean;
  /** Goes on with the run of an earlier process. */
  readonly resumed?: ResumedRun;
  /** What is recorded. Default: all. */
  readonly wants?: Wants;
  readonly clock: CollectorClock;
  /** From here on the tracer reports events: CLOCK_MONOTONIC, nanoseconds. Default: now. */
  readonly beganNs?: number;
  /** Interval between looks at live connections, aligned to the wall clock. Milliseconds; default one minute. */
  readonly sweepMs?: number;
  /** Interval between full lists of what is open. Milliseconds; default one hour. */
  readonly fullSweepMs?: number;
  /** The time after which rows are handed over at the latest. Milliseconds; default one second. */
  readonly flushMs?: number;
}

/** A run of a collector that an earlier process has begun. */
export interface ResumedRun {
  /** When it began: CLOCK_MONOTONIC, nanoseconds. */
  readonly beganNs: number;
  /** The moment of its last batch. */
  readonly until: Moment;
  /** Its losses that nothing else counts. */
  readonly losses: readonly LossRow[];
  /** What was known then of open connections. Absent: nothing says that. */
  readonly takeOpen?: () => KeptState | undefined;
}

/** What is recorded. */
export interface Wants {
  record(record: EnrichedRecord): boolean;
  connection(connection: Connection, details: LiveDetails): boolean;
}

/** Clocks of the host. */
export interface CollectorClock {
  /** CLOCK_MONOTONIC, nanoseconds. */
  monotonicNs(): number;
  /** The time since 1970 less that of the monotonic clock, nanoseconds. */
  offsetNs(): bigint;
}

/** What a sweep found open. */
interface Sweep {
  readonly moment: Moment;
  readonly sweep: 'full' | 'changes';
  readonly opens: readonly OpenRow[];
}

/** Rows that are handed over before the time has come. */
const MAX_ROWS = 8_192;
/** While records come faster than they are handled, acknowledgements and timers get their turn after this time. */
const TURN_MS = 20;
/** Between two batches, at least, where the tracer's ring gets full. */
const CROWDED_MS = 100;
/** A clock that goes on by more than this against the other one was set. */
const CLOCK_SET_NS = 1_000_000_000n;
/** The tracer looks for losses every ten seconds, and reports them once it has read what had come until then. */
const LOSS_SPAN_NS = 12e9;

/** Collects for as long as its tracer runs. */
export class Collector {
  readonly #options: CollectorOptions;
  readonly #live: LiveConnections;
  readonly #open: OpenConnections;
  readonly #batch = new BatchBuilder();
  readonly #brief: BriefConnections;
  readonly #times = new TimeReader();
  readonly #flushMs: number;
  #flushed: Moment;
  readonly #beganNs: number;
  #handedMs = 0;
  #recordNs = 0;
  /** Records that were handed over together are being looked at: some of them are still to come. */
  #isBetween = false;
  /** The next sweep lists all that is open. */
  #needsFull = true;
  #fullAt = 0;
  /** From the monotonic clock to the wall clock, at the last sweep. */
  #offsetNs: bigint | undefined;
  #sweptTime: bigint | undefined;
  /** A sweep that waits until all events up to it are in. */
  #swept: Sweep | undefined;
  #sweepTimer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> = Promise.resolve();
  #failure: unknown;

  /** Begins to watch live connections. @throws as {@link TracerApi.connections} does */
  constructor(options: CollectorOptions) {
    this.#options = options;
    this.#flushMs = options.flushMs ?? 1_000;
    this.#brief = new BriefConnections(
      {
        hostId: options.host.host_id,
        endRow: (record) => this.#endRow(this.#enriched(record)),
        isUnseen: (begunNs) => this.#open.isUnseen(begunNs),
        mayBeUnnamed: (localPort, peerPort) => this.#open.mayBeUnnamed(localPort, peerPort),
        isUnnamed: (accepted) => this.#open.isUnnamed(accepted),
      },
      this.#batch.encoder,
    );
    this.#open = new OpenConnections(options.keepOpen && new OpenChanges());
    const { resumed } = options;
    const open = resumed?.takeOpen?.();
    if (open !== undefined) this.#open.load(open);
    const begun = open && begunOf(open);
    this.#live = options.tracer.connections({
      ...options.connections,
      ended: 'vanished',
      ...(begun && { begun }),
    });
    this.#flushed = resumed?.until ?? this.#moment(options.beganNs);
    this.#beganNs = resumed?.beganNs ?? this.#flushed.monotonicNs;
    this.#batch.addHost(options.host);
    for (const loss of resumed?.losses ?? []) this.#batch.addLoss(loss);
  }

  /**
   * Collects until the tracer has stopped; then hands over the rest, with a goodbye.
   *
   * @throws the errors of the tracer.
   */
  async run(): Promise<void> {
    // A run that is killed before its first rows are handed over is known by this, and with it what was lost.
    this.#hand(this.#flushed, false);
    const flusher = setInterval(() => this.#flush(), this.#flushMs);
    this.#startSweep();
    let turnedAt = performance.now();
    try {
      for await (const columns of this.#options.tracer.columns({ reuse: true })) {
        this.#isBetween = true;
        this.#takeAll(columns);
        this.#isBetween = false;
        if (this.#isFull()) this.#flush();
        if (this.#failure !== undefined) throw this.#failure;
        if (performance.now() - turnedAt < TURN_MS) continue;
        await nextTurn();
        turnedAt = performance.now();
      }
    } finally {
      clearInterval(flusher);
      clearTimeout(this.#sweepTimer);
      await this.#sweeping.catch(() => undefined);
      this.#live[Symbol.dispose]();
    }
    if (this.#swept !== undefined) this.#handSweep(this.#swept);
    this.#hand(this.#moment(), true);
  }

  #takeAll(columns: EventColumns): void {
    const { others, length } = columns;
    // A filter looks at each record.
    const brief = this.#options.wants === undefined ? this.#brief : undefined;
    if (brief !== undefined) this.#batch.added(brief.add(columns));
    let other = 0;
    for (let row = 0; row < length; row++) {
      for (; other < others.length && others[other]!.row <= row; other++) this.#take(others[other]!.record);
      if (brief?.has(row) !== true) this.#take(columns.record(row));
    }
    for (; other < others.length; other++) this.#take(others[other]!.record);
    if (length > 0) this.#recordNs = Math.max(this.#recordNs, columns.column('monotonic_ns')[length - 1]!);
  }

  #take(record: TraceRecord): void {
    this.#recordNs = record.monotonic_ns;
    switch (record.event) {
      case 'connect':
      case 'accept':
        this.#open.opened(record);
        this.#options.look?.(record);
        break;
      case 'lost':
        this.#lost(record);
        break;
      case 'fd_install':
        break;
      default:
        this.#end(record);
    }
  }

  /** A batch is only handed over when all records that came together are in it: the tracer says up to where it has handed them out. */
  #isFull(): boolean {
    if (this.#batch.rows >= MAX_ROWS) return true;
    return this.#options.isCrowded?.() === true && performance.now() - this.#handedMs >= CROWDED_MS;
  }

  #lost({ monotonic_ns, time: text, count, where }: LostRecord): void {
    const time = this.#times.read(text);
    const spanNs = Math.min(LOSS_SPAN_NS, Math.max(0, monotonic_ns - this.#beganNs));
    const since = time - BigInt(Math.round(spanNs));
    this.#batch.addLoss({ host_id: this.#options.host.host_id, time, since, count, place: where });
  }

  #end(record: EndRecord): void {
    const { wants } = this.#options;
    const { context, moved } = this.#open.ended(record);
    const known = this.#enriched(record);
    if (wants !== undefined && !wants.record(known)) return;
    this.#addEnd(this.#endRow(known, context), moved);
  }

  #enriched(record: EndRecord): EndRecord & EnrichedRecord {
    return (this.#options.enrich?.(record) ?? record) as EndRecord & EnrichedRecord;
  }

  #endRow(known: EndRecord, context?: EndContext): EndRow {
    return endRow(known, this.#options.host.host_id, this.#times.read(known.time), context);
  }

  #addEnd(row: EndRow, moved: MovedSpan | undefined): void {
    if (moved !== undefined) this.#batch.addInterval(lastInterval(row, moved));
    this.#batch.addEnd(row);
  }

  /** Sweeps now, and then each time that the wall clock is at a multiple of the interval. */
  #startSweep(): void {
    this.#sweeping = this.#sweep().catch((error: unknown) => {
      // The end has come in the middle of a look, which is what it is asked to do.
      if (error instanceof TracerStoppedError) return;
      this.#failure = error;
      void this.#options.tracer.stop();
    });
    const { sweepMs = 60_000 } = this.#options;
    const waitMs = sweepMs - (Date.now() % sweepMs);
    this.#sweepTimer = setTimeout(() => this.#startSweep(), waitMs);
  }

  async #sweep(): Promise<void> {
    await this.#sweeping;
    // The one before still waits for its events: its list would be lost.
    if (this.#swept !== undefined) return;
    const { fullSweepMs = 3_600_000 } = this.#options;
    await this.#live.refresh();
    const endedNs = this.#options.clock.monotonicNs();
    const moment = this.#sweepMoment();
    this.#watchClock(moment);
    const isFull = this.#needsFull || performance.now() - this.#fullAt >= fullSweepMs;
    const opens: OpenRow[] = [];
    const { wants } = this.#options;
    const isWanted = (connection: Connection) =>
      wants === undefined || wants.connection(connection, this.#details(connection));
    for (const { connection, isNew, isKnown, moved, connectionId } of this.#open.swept(
      this.#live,
      moment.monotonicNs,
      endedNs,
      isWanted,
    )) {
      const context = this.#context(connection, connectionId);
      if (moved !== undefined) this.#batch.addInterval(liveInterval(connection, moved, moment, context));
      if ((isFull && isKnown) || isNew) opens.push(openRow(connection, moment, context));
    }
    this.#takeVanished();
    this.#takeUntracked(moment);
    this.#swept = { moment, sweep: isFull ? 'full' : 'changes', opens };
    if (isFull) this.#fullAt = performance.now();
    this.#needsFull = false;
  }

  /** What a sweep no longer finds, and no record has reported. */
  #takeVanished(): void {
    for (const ended of this.#live.takeEnded().ended) {
      if (ended.closed_by !== 'vanished') continue;
      const rows = this.#open.vanished(ended.connection);
      if (rows === undefined) continue;
      const context = this.#context(ended.connection, rows.connectionId);
      if (this.#options.wants?.connection(ended.connection, context.details) === false) continue;
      this.#addEnd(vanishedRow(ended, rows.intervalRows, context), rows.moved);
    }
  }

  /** Where the clock was set, what was open is found by the times from then on only. */
  #watchClock({ monotonicNs, time }: Moment): void {
    const offsetNs = time - BigInt(Math.round(monotonicNs));
    const movedNs = this.#offsetNs === undefined ? 0n : offsetNs - this.#offsetNs;
    this.#offsetNs = offsetNs;
    if (movedNs > CLOCK_SET_NS || movedNs < -CLOCK_SET_NS) this.#needsFull = true;
  }

  /** What a sweep cannot have for lack of room, and what has ended without a word because of that. */
  #takeUntracked({ time }: Moment): void {
    const { untracked } = this.#live.totals;
    for (const { connection, seenNs, intervalRows, moved, connectionId } of this.#open.forget(
      untracked === 0,
    )) {
      const ended = { connection, ended_ns: seenNs };
      this.#addEnd(vanishedRow(ended, intervalRows, this.#context(connection, connectionId)), moved);
    }
    const since = this.#sweptTime ?? time;
    this.#sweptTime = time;
    if (untracked === 0) return;
    const detail = 'open connections beyond record.maxConnections: only the rows of their ends have them';
    const { host_id } = this.#options.host;
    this.#batch.addLoss({ host_id, since, time, count: untracked, place: 'history', detail });
  }

  #details(connection: Connection): LiveDetails {
    return this.#options.details?.(connection) ?? {};
  }

  #context(connection: Connection, connectionId: string | undefined): RowContext {
    const { host, clock } = this.#options;
    const offset = clock.offsetNs();
    return {
      hostId: host.host_id,
      details: this.#details(connection),
      connectionId,
      wallNs: (monotonicNs) => offset + BigInt(Math.round(monotonicNs)),
    };
  }

  /** Records come in order: up to the last of them all is in, or up to where the tracer has read and has nothing left. */
  #flush(): void {
    const now = this.#moment();
    const readNs = this.#isBetween ? 0 : this.#options.tracer.completeNs;
    const untilNs = Math.max(this.#recordNs, readNs, this.#flushed.monotonicNs);
    const swept = this.#swept;
    if (swept !== undefined && untilNs >= swept.moment.monotonicNs) {
      this.#handSweep(swept);
    } else if (untilNs > this.#flushed.monotonicNs || this.#batch.rows > 0) {
      this.#hand(
        { monotonicNs: untilNs, time: now.time - BigInt(Math.round(now.monotonicNs - untilNs)) },
        false,
      );
    }
  }

  /** A sweep's batch is of the moment of the sweep. */
  #handSweep({ moment, sweep, opens }: Sweep): void {
    this.#swept = undefined;
    this.#batch.addSweep(sweep, opens);
    this.#hand(moment, false);
  }

  #hand(moment: Moment, goodbye: boolean): void {
    this.#flushed = moment;
    this.#handedMs = performance.now();
    this.#options.keepOpen?.(this.#open, moment);
    if (!this.#options.send(this.#batch.take(moment, goodbye))) this.#needsFull = true;
  }

  /** When the sockets were read, and not before what was handed over. */
  #sweepMoment(): Moment {
    const { readNs } = this.#live;
    return this.#moment(readNs === undefined ? undefined : Math.max(readNs, this.#flushed.monotonicNs));
  }

  #moment(monotonicNs = this.#options.clock.monotonicNs()): Moment {
    const { clock } = this.#options;
    return { monotonicNs, time: clock.offsetNs() + BigInt(Math.round(monotonicNs)) };
  }
}
