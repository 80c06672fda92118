/** A running tracer: its start, its readers, its end. */
import { EventEmitter } from 'node:events';
import { type Btf, EbpfError, MapType } from '@weir/ebpf';
import { monotonicNs, type QueuedDescriptors } from '@weir/ebpf/sys';
import type { TracerApi, TracerListener } from './api.js';
import { ColumnReader, type ColumnsOptions, type EventColumns } from './columns/event-columns.js';
import type { ConnectionsOptions, LiveConnections } from './connections/live.js';
import { TracedConnections } from './connections/traced.js';
import { Deferred } from './deferred.js';
import { inInitialPidNamespace } from './enrich/pid-namespace.js';
import { EarlyEvent } from './hooks/early-event.js';
import { ipv4Only, reportedEnds, wantedProtocols } from './hooks/filter.js';
import { type DescribedDescriptors, takeObjects } from './hooks/held-programs.js';
import { describeView } from './hooks/host-view.js';
import { ringSize } from './hooks/load-programs.js';
import type { HookPlan } from './hooks/plan.js';
import { type Attempt, nextAttempt, prepareStart, type Start } from './hooks/prepare-start.js';
import { TracerPrograms } from './hooks/programs.js';
import { type JsonLines, JsonReader } from './json/json-reader.js';
import type { TracerOptions, TracerStats } from './options.js';
import { assertPrivileges } from './privileges.js';
import type { EventName, TraceRecord } from './records/record.js';
import type { HookChoice } from './report.js';
import type { WallClock } from './stream/clock.js';
import { EventCorrection } from './stream/event-correction.js';
import { openEventRing } from './stream/event-ring.js';
import { EventStream } from './stream/event-stream.js';
import { FollowedClock } from './stream/followed-clock.js';
import { Handover, type TracerPosition } from './stream/handover.js';
import { openHeldRing } from './stream/held-ring.js';
import { Losses, noLosses } from './stream/losses.js';
import { ReaderProgress } from './stream/reader-progress.js';
import { RecordIterator } from './stream/record-iterator.js';
import { TracerStoppedError } from './stream/stopped-error.js';
import { UdpFlowSource } from './stream/udp-flow-source.js';
import { type TypeChoice, targetTypes } from './types/target.js';

function programsOf({ plan, types, options, filter }: Start): [HookPlan, Btf, TracerOptions] {
  return [plan, types.btf, { ...options, filter }];
}

type State = 'running' | 'stopping' | 'ended';

/**
 * Follows every TCP connection of this host. Needs CAP_BPF and CAP_PERFMON (CAP_SYS_ADMIN before Linux 5.8), and Linux
 * 4.17. Where the kernel has no types of its own (5.4, CONFIG_DEBUG_INFO_BTF), see `options.btf`.
 *
 * It has one reader: a loop over records, batches, columns or JSON lines, or listeners. It can also serve any number of live connections.
 */
export class Tracer implements TracerApi {
  readonly plan: readonly HookChoice[];
  readonly types: TypeChoice;
  readonly #options: TracerOptions;
  readonly #btf: Btf;
  readonly #programs: TracerPrograms;
  readonly #hasTcp: boolean;
  readonly #udp: UdpFlowSource | undefined;
  readonly #losses: Losses;
  readonly #handover: Handover | undefined;
  readonly #stream: EventStream;
  readonly #clock: WallClock;
  readonly #live = new Set<TracedConnections>();
  readonly #emitter = new EventEmitter();
  readonly #stopping = new AbortController();
  readonly #ended = new Deferred();
  #state: State = 'running';
  /** Whether events are taken out of the ring for live connections. */
  #pumping = false;
  /** While the reader waits for records, it takes them out of the ring itself. */
  readonly #reader = new ReaderProgress();
  /** The error that ended the tracer early. */
  #failure: unknown;
  #finalStats: TracerStats | undefined;
  #detachSignal = (): void => {};

  /**
   * Loads and attaches the programs. Events are collected from the moment this returns.
   *
   * @throws OptionError for options that make no sense; EbpfError that names missing privileges;
   * UnsupportedError where the kernel has no types or not the hook that was asked for; UnknownFeatureError
   * where that is unknown; VerifierError or SyscallError when the kernel refuses the programs.
   */
  static start(options: TracerOptions = {}): Tracer {
    for (let attempt: Attempt = { options, registers: false }; ; ) {
      try {
        const start = prepareStart(attempt);
        return new Tracer(start, new TracerPrograms(...programsOf(start)));
      } catch (error) {
        attempt = nextAttempt(attempt, error);
      }
    }
  }

  /**
   * Starts as {@link start} does, while the event loop goes on: the kernel verifies all programs at the same time, on threads of
   * Node's pool. Where CPUs are idle, it takes a fifth less time.
   *
   * @throws as {@link start}.
   */
  static async startAsync(options: TracerOptions = {}): Promise<Tracer> {
    using _early = new EarlyEvent(options.features);
    for (let attempt: Attempt = { options, registers: false }; ; ) {
      try {
        const start = prepareStart(attempt);
        return new Tracer(start, await TracerPrograms.loadAsync(...programsOf(start)));
      } catch (error) {
        attempt = nextAttempt(attempt, error);
      }
    }
  }

  /**
   * Goes on where another process ended that had a tracer with the option `resumable`: its programs have been running since.
   *
   * @param held The description and the descriptors that {@link Tracer.held} gave. All descriptors are the tracer's, or closed.
   * @param position As {@link Tracer.position} was, for the records that need not come again.
   * @param options The same as those of the earlier tracer.
   * @throws as {@link start}; EbpfError where a descriptor is not what is described, or events are gone
   */
  static resume(held: QueuedDescriptors, position: TracerPosition, options: TracerOptions): Tracer {
    const objects = takeObjects(held);
    try {
      assertPrivileges();
      const types = targetTypes(options.btf, options.features);
      const filter = options.ipv6 === false ? ipv4Only(options.filter) : (options.filter ?? {});
      const start = { types, options, filter, plan: objects.plan, choices: objects.choices };
      const programs = TracerPrograms.resume(objects, types.btf, { ...options, filter });
      return new Tracer(start, programs, position);
    } catch (error) {
      for (const item of [...objects.links, ...objects.maps.values(), ...objects.programs.values()])
        item[Symbol.dispose]();
      throw error;
    }
  }

  private constructor(
    { types, plan, choices, options, filter }: Start,
    programs: TracerPrograms,
    resumed?: TracerPosition,
  ) {
    const { btf } = types;
    this.#options = options;
    this.#btf = btf;
    this.types = types;
    const wants = wantedProtocols(options);
    this.#hasTcp = wants.tcp;
    this.#programs = programs;
    let clock: FollowedClock | undefined;
    try {
      clock = new FollowedClock();
      this.#clock = clock.wall;
      const { filtered } = this.#programs;
      this.#udp = wants.udp ? new UdpFlowSource(btf, options, filter, clock.wall, filtered) : undefined;
      const events = this.#programs.collection.map('events');
      const isHeld = options.resumable && events.type === MapType.ringbuf;
      const heldRing = isHeld ? openHeldRing(events, resumed) : undefined;
      const ring = heldRing ?? openEventRing(events, ringSize(options.ringBytes), options.immediate);
      const hadLost = resumed?.lost ?? noLosses;
      const nowNs = Number(monotonicNs());
      this.#losses = new Losses(this.#programs, this.#udp, clock.wall, ring, nowNs, hadLost);
      // Elsewhere, processes have other numbers in /proc than in the kernel's events.
      const correction = inInitialPidNamespace() ? new EventCorrection() : undefined;
      const sources = this.#udp === undefined ? [] : [this.#udp];
      this.#stream = new EventStream(ring, clock, this.#losses, sources, correction);
      const parts = { hooks: { plan, choices }, programs, stream: this.#stream, hadLost };
      this.#handover = heldRing && new Handover({ ring: heldRing, ...parts });
    } catch (error) {
      clock?.[Symbol.dispose]();
      this.#udp?.[Symbol.dispose]();
      this.#programs[Symbol.dispose]();
      throw error;
    }
    try {
      if (resumed !== undefined) this.#programs.attachRest(plan, resumed.missedEnds);
      else if (wants.tcp) this.#programs.attach(plan);
    } catch (error) {
      this.#stream[Symbol.dispose]();
      this.#udp?.[Symbol.dispose]();
      this.#programs[Symbol.dispose]();
      throw error;
    }
    this.plan = describeView(this.#udp === undefined ? choices : [...choices, this.#udp.choice]);
    const { signal } = options;
    if (signal !== undefined) {
      const stop = (): void => void this.stop();
      if (signal.aborted) stop();
      signal.addEventListener('abort', stop, { once: true });
      this.#detachSignal = () => signal.removeEventListener('abort', stop);
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<TraceRecord> {
    return new RecordIterator(this.batches(), () => this.#reader.ask());
  }

  batches(): AsyncIterable<readonly TraceRecord[]> {
    return this.#read(() => this.#takeRecords());
  }

  columns(options?: ColumnsOptions): AsyncIterable<EventColumns> {
    const reader = new ColumnReader(this.#clock, options);
    return this.#read(() => reader.next(this.#stream));
  }

  jsonLines(): AsyncIterable<JsonLines> {
    const reader = new JsonReader(this.#clock);
    return this.#read(() => reader.next(this.#stream));
  }

  #takeRecords(): readonly TraceRecord[] | undefined {
    const batch = this.#stream.take();
    return batch.length > 0 ? batch : undefined;
  }

  /** @param take Returns what waits for the reader, or undefined. */
  async *#read<Batch>(take: () => Batch | undefined): AsyncIterable<Batch> {
    this.#takeReader();
    try {
      for (;;) {
        const batch = await this.#nextBatch(take);
        if (batch === undefined) return;
        yield batch;
      }
    } finally {
      // After a loop that was left early nothing drains the ring.
      this[Symbol.dispose]();
    }
  }

  /** Calls a listener for each record of an event, for each `record`, at the `end`, or upon an `error`. */
  on<E extends EventName | 'record' | 'end' | 'error'>(event: E, listener: TracerListener<E>): this {
    this.#emitter.on(event, listener);
    if (!this.#stream.hasReader) {
      this.#takeReader();
      void this.#emitAll();
    }
    return this;
  }

  /** Removes a listener that `on` added. */
  off<E extends EventName | 'record' | 'end' | 'error'>(event: E, listener: TracerListener<E>): this {
    this.#emitter.off(event, listener);
    return this;
  }

  /** Counts since the start; final ones once the tracer was stopped. */
  stats(): TracerStats {
    return this.#finalStats ?? this.#currentStats();
  }

  get completeNs(): number {
    return this.#stream.completeNs;
  }

  /**
   * The programs, maps and attachments as descriptors: while another process has duplicates of them, programs go on without this one, and
   * events wait in the ring. Undefined without the option `resumable`, and where the kernel has no ring buffers (5.8). Hardware
   * breakpoints are not among them.
   */
  held(): DescribedDescriptors | undefined {
    return this.#handover?.held();
  }

  /** Which records the reader has been given so far; undefined where {@link Tracer.held} is. */
  position(): TracerPosition | undefined {
    return this.#handover?.position();
  }

  /** The records up to a {@link Tracer.position} are not needed again: their room in the ring is given back. */
  commit(position: TracerPosition): void {
    if (this.#state !== 'ended') this.#handover?.commit(position);
  }

  /** The part of the ring, 0 to 1, that programs cannot use: for {@link Tracer.commit}, before it is full. 0 where {@link Tracer.held} is undefined. */
  get ringUsed(): number {
    return this.#state === 'ended' ? 0 : (this.#handover?.ringUsed ?? 0);
  }

  watchFds(pid: number): void {
    if (this.#state !== 'running') throw new TracerStoppedError();
    this.#programs.fds.watch(pid);
  }

  unwatchFds(pid: number): void {
    this.#programs.fds.unwatch(pid);
  }

  connections(options: ConnectionsOptions = {}): LiveConnections {
    if (this.#state !== 'running') throw new TracerStoppedError();
    const { features, filter, ipv6 = true, promptClose = false } = this.#options;
    const connections = new TracedConnections(options, {
      btf: this.#btf,
      tcp: this.#hasTcp,
      ...{ ipv6, promptClose },
      ...(features !== undefined && { features }),
      ...(filter?.netns !== undefined && filter.netns.length > 0 && { netns: filter.netns }),
      reportedEnds: reportedEnds(filter),
      watch: (watcher) => this.#stream.watch(watcher),
      catchUp: () => this.#catchUp(),
      lost: () => this.#losses.counts(),
      onDispose: () => void this.#live.delete(connections),
    });
    this.#live.add(connections);
    void this.#pump();
    return connections;
  }

  async stop(): Promise<void> {
    if (this.#state === 'running') {
      this.#state = 'stopping';
      this.#losses.lookForMissed();
      this.#detach();
      this.#stopping.abort();
      if (!this.#stream.hasReader) {
        try {
          if (this.#stream.isWatched) await this.#stream.drain(true);
        } finally {
          this[Symbol.dispose]();
        }
      }
    }
    await this.#reader.rests(this.#ended.promise);
  }

  /** Ends at once; records that were not read yet are dropped. */
  [Symbol.dispose](): void {
    if (this.#state === 'ended') return;
    this.#detachSignal();
    this.#detach();
    this.#finalStats = this.#currentStats();
    this.#state = 'ended';
    this.#stopping.abort();
    for (const connections of this.#live) connections[Symbol.dispose]();
    this.#stream[Symbol.dispose]();
    this.#udp?.[Symbol.dispose]();
    this.#programs[Symbol.dispose]();
    this.#ended.resolve();
  }

  /** Stops the tracer as its disposal does. */
  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
  }

  #detach(): void {
    this.#programs.detach();
    this.#udp?.detach();
  }

  /** A call, whose answer the compiler does not take for known. */
  #hasEnded(): boolean {
    return this.#state === 'ended';
  }

  #takeReader(): void {
    if (this.#stream.hasReader)
      throw new EbpfError(
        'this tracer already has a reader: it delivers its records to one loop, or to listeners',
      );
    this.#stream.hasReader = true;
  }

  async #emitAll(): Promise<void> {
    try {
      for (;;) {
        const batch = await this.#nextBatch(() => this.#takeRecords());
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

  /** The next batch that `take` returns; undefined after the last. */
  async #nextBatch<Batch>(take: () => Batch | undefined): Promise<Batch | undefined> {
    this.#reader.ask();
    this.#reader.waits = true;
    try {
      let last = false;
      while (this.#state !== 'ended') {
        const batch = take();
        if (batch !== undefined) return batch;
        if (last) {
          this[Symbol.dispose]();
          return undefined;
        }
        last = this.#state === 'stopping';
        await this.#stream.drain(last);
        // Somebody may have disposed of it meanwhile.
        if (!last && !this.#hasEnded() && this.#stream.isEmpty)
          await this.#stream.wait(this.#stopping.signal);
      }
      return undefined;
    } finally {
      this.#reader.waits = false;
    }
  }

  /** Takes events out of the ring for live connections, while no reader does. */
  async #pump(): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#live.size > 0 && this.#state === 'running') {
        if (!this.#reader.waits) await this.#stream.drain();
        if (this.#state === 'running') await this.#stream.wait(this.#stopping.signal);
      }
    } catch (error) {
      this.#failure = error;
      this[Symbol.dispose]();
    } finally {
      this.#pumping = false;
    }
  }

  async #catchUp(): Promise<void> {
    if (this.#state === 'running') await this.#stream.catchUp();
    if (this.#state === 'running') return;
    if (this.#failure === undefined) throw new TracerStoppedError();
    throw new EbpfError('this tracer has failed', { cause: this.#failure });
  }

  #currentStats(): TracerStats {
    const kernel = this.#losses.kernelCounts();
    return {
      produced: { ...kernel.produced, udp_flow: this.#udp?.emitted ?? 0 },
      delivered: { ...this.#stream.delivered },
      lost: this.#losses.counts(kernel),
      inversions: this.#stream.inversions,
      connections:
        this.#programs.closedFlows?.count() ?? [...this.#programs.collection.map('flows').keys()].length,
    };
  }
}
