/** A running tracer: drains the ring, puts records in order, counts, and hands them on. */
import { EventEmitter } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  EbpfError,
  monotonicNs,
  PerCpuMap,
  realtimeOffsetNs,
  TimeOrderer,
  UnsupportedError,
} from '@weir/ebpf';
import type { TracerApi, TracerListener } from './api.js';
import { WallClock } from './clock.js';
import { EventDecoder } from './decode.js';
import { type EventRing, openEventRing, type ReadToMark } from './event-ring.js';
import { kernelFacts } from './facts.js';
import { offsetsTcpEvent } from './generated/tcp.js';
import type { TracerOptions, TracerStats } from './options.js';
import { planHooks } from './plan.js';
import { assertPrivileges } from './privileges.js';
import { ringSize, standInProgram, TracerPrograms } from './programs.js';
import type { EventName, LostRecord, TraceRecord } from './record.js';
import type { HookChoice } from './report.js';
import { Staging } from './staging.js';
import { emptyCounts, type KernelCounts, sumStatistics } from './statistics.js';
import { type TypeChoice, targetTypes } from './types/target.js';

/** Records are looked for this often while there are some, unless an eighth of the ring fills sooner. */
const POLL_MS = 25;
/** And this often where there have been none for a while: each look wakes a CPU. */
const IDLE_POLL_MS = 200;
/**
 * Losses are looked for, and the wall clock is followed, this often. Not oftener, since the kernel runs no kprobe on a CPU
 * while a process reads a map there (bpf_disable_instrumentation), which can take long where that process is preempted.
 */
const HOUSEKEEPING_NS = 10_000_000_000n;
/** Records taken out of the ring before other work of this thread gets its turn. */
const CHUNK = 8192;
/** Records decoded at a time. */
const BATCH = 1024;
const TIME = offsetsTcpEvent.timeNs;
/** How long programs that were already running when they were detached are waited for. */
const LAST_RECORDS_NS = 1_000_000_000n;

type State = 'running' | 'stopping' | 'ended';

/** A promise that is resolved from outside. */
class Deferred {
  resolve!: () => void;
  readonly promise = new Promise<void>((resolve) => {
    this.resolve = resolve;
  });
}

/**
 * Follows every TCP connection of this host. Needs CAP_BPF and CAP_PERFMON (CAP_SYS_ADMIN before Linux 5.8), and Linux
 * 4.17. Where the kernel has no types of its own (5.4, CONFIG_DEBUG_INFO_BTF), see `options.btf`.
 *
 * It has one reader: a loop over records or batches, or listeners.
 */
export class Tracer implements TracerApi {
  readonly plan: readonly HookChoice[];
  readonly types: TypeChoice;
  readonly #programs: TracerPrograms;
  readonly #ring: EventRing;
  readonly #staging = new Staging();
  /** Orders places in the staging. */
  readonly #orderer = new TimeOrderer<number, number>();
  /** Places of events that are next to be delivered, in order, from `#delivering` on. */
  #ready: number[] = [];
  #delivering = 0;
  #losses: LostRecord[] = [];
  readonly #clock = new WallClock(realtimeOffsetNs());
  readonly #decoder = new EventDecoder(this.#clock);
  readonly #emitter = new EventEmitter();
  readonly #delivered = emptyCounts();
  readonly #stopping = new AbortController();
  readonly #ended = new Deferred();
  readonly #reported = { ring: 0, map: 0, probe: 0 };
  #missedBefore = 0;
  /** Records taken out of the ring. */
  #read = 0;
  #pollMs = POLL_MS;
  #housekeeping = monotonicNs();
  #state: State = 'running';
  #reading = false;
  #finalStats: TracerStats | undefined;
  #detachSignal = (): void => {};

  /**
   * Loads and attaches the programs. Events are collected from the moment this returns.
   *
   * @throws RangeError for options that make no sense; UnsupportedError, SyscallError (missing privileges, above all)
   * or VerifierError when the kernel does not let it.
   */
  static start(options: TracerOptions = {}): Tracer {
    return new Tracer(options);
  }

  private constructor(options: TracerOptions) {
    assertPrivileges();
    const types = targetTypes(options.btf, options.features);
    const { btf } = types;
    this.types = types;
    const { plan, choices } = planHooks(kernelFacts(btf, options.features), options.acceptHook);
    if (options.acceptHook !== undefined && plan.accept !== options.acceptHook) {
      const candidate = choices
        .flatMap((choice) => choice.candidates)
        .find(({ name }) => name === options.acceptHook);
      throw new UnsupportedError(options.acceptHook, undefined, candidate?.reason);
    }
    this.plan = choices;
    this.#programs = new TracerPrograms(plan, btf, options);
    try {
      this.#ring = openEventRing(this.#programs.collection.map('events'), ringSize(options.ringBytes));
    } catch (error) {
      this.#programs[Symbol.dispose]();
      throw error;
    }
    try {
      this.#programs.attach(plan);
    } catch (error) {
      this.#ring[Symbol.dispose]();
      this.#programs[Symbol.dispose]();
      throw error;
    }
    const { signal } = options;
    if (signal !== undefined) {
      const stop = (): void => void this.stop();
      if (signal.aborted) stop();
      signal.addEventListener('abort', stop, { once: true });
      this.#detachSignal = () => signal.removeEventListener('abort', stop);
    }
  }

  async *[Symbol.asyncIterator](): AsyncIterator<TraceRecord> {
    for await (const batch of this.batches()) yield* batch;
  }

  async *batches(): AsyncIterable<readonly TraceRecord[]> {
    this.#takeReader();
    try {
      for (;;) {
        const batch = await this.#nextBatch();
        if (batch === undefined) return;
        yield batch;
      }
    } finally {
      // A loop that was left early is no reader any more, and nothing else will drain the ring.
      this[Symbol.dispose]();
    }
  }

  on<E extends EventName | 'record' | 'end' | 'error'>(event: E, listener: TracerListener<E>): this {
    this.#emitter.on(event, listener);
    if (!this.#reading) {
      this.#takeReader();
      void this.#emitAll();
    }
    return this;
  }

  off<E extends EventName | 'record' | 'end' | 'error'>(event: E, listener: TracerListener<E>): this {
    this.#emitter.off(event, listener);
    return this;
  }

  stats(): TracerStats {
    return this.#finalStats ?? this.#currentStats();
  }

  watchFds(pid: number): void {
    if (this.#state !== 'running') throw new EbpfError('this tracer was stopped');
    this.#programs.fds.watch(pid);
  }

  unwatchFds(pid: number): void {
    this.#programs.fds.unwatch(pid);
  }

  async stop(): Promise<void> {
    if (this.#state === 'running') {
      this.#state = 'stopping';
      this.#programs.detach();
      this.#stopping.abort();
      if (!this.#reading) this[Symbol.dispose]();
    }
    await this.#ended.promise;
  }

  /** Ends at once; records that were not read yet are dropped. */
  [Symbol.dispose](): void {
    if (this.#state === 'ended') return;
    this.#detachSignal();
    this.#programs.detach();
    this.#finalStats = this.#currentStats();
    this.#state = 'ended';
    this.#stopping.abort();
    this.#ring[Symbol.dispose]();
    this.#programs[Symbol.dispose]();
    this.#ended.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
  }

  #takeReader(): void {
    if (this.#reading)
      throw new EbpfError('this tracer has a reader already: a loop or listeners, and one of them');
    this.#reading = true;
  }

  async #emitAll(): Promise<void> {
    try {
      for (;;) {
        const batch = await this.#nextBatch();
        if (batch === undefined) break;
        for (const record of batch) {
          this.#emitter.emit(record.event, record);
          this.#emitter.emit('record', record);
        }
      }
      this.#emitter.emit('end');
    } catch (error) {
      this[Symbol.dispose]();
      this.#emitter.emit('error', error);
    }
  }

  /** The next records, at least one; undefined after the last. */
  async #nextBatch(): Promise<readonly TraceRecord[] | undefined> {
    let last = false;
    while (this.#state !== 'ended') {
      const batch = this.#takeBatch();
      if (batch.length > 0) {
        this.#pollMs = POLL_MS;
        return batch;
      }
      if (last) {
        this[Symbol.dispose]();
        return undefined;
      }
      last = this.#state === 'stopping';
      await this.#drain(last);
      if (!last && this.#ready.length === 0 && this.#losses.length === 0) {
        await this.#ring.wait({ timeoutMs: this.#pollMs, signal: this.#stopping.signal });
        this.#pollMs = Math.min(this.#pollMs * 1.25, IDLE_POLL_MS);
      }
    }
    return undefined;
  }

  /** Decodes some of what is ready: so few that a reader which keeps none leaves the garbage collector little to do. */
  #takeBatch(): TraceRecord[] {
    const end = Math.min(this.#ready.length, this.#delivering + BATCH);
    const batch: TraceRecord[] = [];
    for (; this.#delivering < end; this.#delivering++) {
      const place = this.#ready[this.#delivering]!;
      const record = this.#decoder.decode(this.#staging.view(place), this.#staging.offset(place));
      this.#staging.release(place);
      this.#delivered[record.event]++;
      batch.push(record);
    }
    if (this.#delivering === this.#ready.length) {
      this.#ready = [];
      this.#delivering = 0;
      batch.push(...this.#losses.splice(0));
    }
    return batch;
  }

  /**
   * Takes what is in the ring now. A record beyond the end that is marked here will be younger than the moment before,
   * less the ring's delay: all up to then can be released in order. After the programs are detached, everything can.
   */
  async #drain(last: boolean): Promise<void> {
    const now = monotonicNs();
    const complete = last ? await this.#readToTheEnd() : await this.#readUntil(this.#ring.mark());
    if (this.#state === 'ended') return;
    const release = (place: number): void => void this.#ready.push(place);
    if (last) this.#orderer.flush(release);
    else if (complete) this.#orderer.release(Number(now - this.#ring.delayNs), release);
    if (last || now - this.#housekeeping >= HOUSEKEEPING_NS) {
      this.#housekeeping = now;
      this.#clock.setOffset(realtimeOffsetNs());
      this.#losses.push(...this.#newLosses(Number(now), last));
    }
  }

  /** Reads up to a mark. False if a record before it was still being written. */
  async #readUntil(readToMark: ReadToMark): Promise<boolean> {
    for (;;) {
      const before = this.#read;
      if (readToMark(this.#accept, CHUNK)) return true;
      if (this.#read - before < CHUNK) return false;
      await nextTurn();
      if (this.#state === 'ended') return false;
    }
  }

  /**
   * Reads all that the programs produced. They are detached, but one may still be running on another CPU: what they
   * count tells whether everything has come.
   */
  async #readToTheEnd(): Promise<boolean> {
    const patience = monotonicNs() + LAST_RECORDS_NS;
    for (;;) {
      const complete = await this.#readUntil(this.#ring.mark());
      if (this.#state === 'ended') return false;
      const { produced, lostRing } = this.#kernelCounts();
      const awaited = Object.values(produced).reduce((sum, count) => sum + count, 0) - lostRing;
      if ((complete && this.#read >= awaited) || monotonicNs() > patience) return complete;
      await nextTurn();
    }
  }

  readonly #accept = (view: DataView, offset: number): void => {
    const time = view.getUint32(offset + TIME, true) + view.getUint32(offset + TIME + 4, true) * 2 ** 32;
    this.#read++;
    this.#orderer.push(time, this.#staging.put(view, offset));
  };

  #newLosses(now: number, last: boolean): LostRecord[] {
    const counts = this.#kernelCounts();
    // A run that was skipped a moment ago may just be about to be made up for: only what stays counts.
    const missed = this.#missedRuns();
    const probe = last ? missed : Math.min(missed, this.#missedBefore);
    this.#missedBefore = missed;
    const lost = { ring: counts.lostRing, map: counts.lostMap, probe };
    const records: LostRecord[] = [];
    for (const where of ['ring', 'map', 'probe'] as const) {
      const count = lost[where] - this.#reported[where];
      if (count <= 0) continue;
      records.push({ event: 'lost', time: this.#clock.format(now), monotonic_ns: now, count, where });
      this.#reported[where] = lost[where];
    }
    return records;
  }

  #currentStats(): TracerStats {
    const counts = this.#kernelCounts();
    return {
      produced: counts.produced,
      delivered: { ...this.#delivered },
      lost: { ring: counts.lostRing, map: counts.lostMap, probe: this.#missedRuns() },
      inversions: this.#orderer.inversions,
      connections: [...this.#programs.collection.map('flows').keys()].length,
    };
  }

  #kernelCounts(): KernelCounts {
    const map = this.#programs.collection.map('statistics');
    if (!(map instanceof PerCpuMap)) throw new EbpfError('the map of statistics is not per CPU');
    return sumStatistics(map.lookupValues(new Uint8Array(4)) ?? []);
  }

  /**
   * Runs that the kernel skipped, for which no other program stood in. The kernel's counts are read first, so that a run
   * which is replaced at this moment does not count.
   */
  #missedRuns(): number {
    let missed = 0;
    for (const program of this.#programs.collection.programs.values()) {
      if (program.name !== standInProgram) missed += Number(program.info().recursionMisses);
    }
    return Math.max(0, missed - this.#kernelCounts().stoodIn) + this.#programs.fds.missedRuns;
  }
}
