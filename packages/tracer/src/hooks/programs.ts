/** The tracer's kernel programs: loaded with what the options ask for, and attached. */
import {
  attachIterator,
  attachKprobe,
  attachRawTracepoint,
  attachTracepoint,
  attachTracing,
  type Btf,
  Collection,
  EbpfError,
  type FeatureTable,
  features as kernelFeatures,
  type Link,
  type Program,
} from '@weir/ebpf';
import type { TracerOptions } from '../options.js';
import { AcceptBreakpointLink, AcceptRegisters, BreakpointRefusedError } from './accept-breakpoint-link.js';
import { acceptHookEntry } from './accept-hooks.js';
import { type ClosedFlows, openClosedFlows } from './closed-flows.js';
import { FdWatch } from './fd-watch.js';
import { pidKey } from './filter.js';
import { FilteredProcesses } from './filtered-processes.js';
import type { HeldObjects } from './held-programs.js';
import { type Loaded, load, loadRequest, nestedProgram, ringSize, wakeupLevel } from './load-programs.js';
import type { HookPlan } from './plan.js';

/** KRETPROBE_MAXACTIVE_MAX of the kernel's trace_kprobe.c. */
const MAX_SLEEPING_ACCEPTS = 4096;

/** The loaded programs of a tracer. Disposing detaches and unloads all. */
export class TracerPrograms implements Disposable {
  readonly collection: Collection;
  readonly fds: FdWatch;
  /** The processes that the filter names by pid. */
  readonly filtered: FilteredProcesses;
  /** Finds ends that no program saw; undefined before {@link attach}, and where the kernel has no iterators over maps. */
  closedFlows: ClosedFlows | undefined;
  readonly #links: Link[] = [];
  readonly #features: FeatureTable;
  readonly #registers: AcceptRegisters | undefined;

  /**
   * @param loaded Default: by plan and options.
   * @throws OptionError for options that make no sense; the errors of {@link Collection.load}.
   */
  constructor(plan: HookPlan, btf: Btf, options: TracerOptions, loaded: Loaded = load(plan, btf, options)) {
    const { features } = loaded;
    this.#registers = loaded.registers;
    this.#features = features;
    this.collection = loaded.collection;
    this.fds = new FdWatch({
      candidates: plan.fds,
      btf,
      features,
      globals: { perf_buffer: !loaded.hasRing, wakeup_bytes: loaded.wakeupBytes },
      map: (name) => this.collection.map(name),
    });
    try {
      for (const { name, entries } of loaded.filterMaps) {
        const map = this.collection.map(name);
        for (const [key, value] of entries) map.update(key, value);
      }
      // A connection that it opened is in the flow table, and does not need the filter any more.
      this.filtered = new FilteredProcesses(options.filter?.pids, (pid) =>
        this.collection.map('filter_pids').delete(pidKey(pid)),
      );
    } catch (error) {
      this.collection[Symbol.dispose]();
      throw error;
    }
  }

  /** Loads all programs at the same time. @throws as the constructor; BreakpointRefusedError. */
  static async loadAsync(plan: HookPlan, btf: Btf, options: TracerOptions): Promise<TracerPrograms> {
    const request = loadRequest(plan, btf, options);
    let registers: AcceptRegisters | undefined;
    // What waits for other CPUs does so while the programs are verified.
    const reserve = (): void => {
      if (isBreakpoint(plan)) registers = new AcceptRegisters(plan.breakpoint?.pointers ?? []);
    };
    try {
      const collection = await Collection.loadAsync(request.spec, request.options, reserve);
      return new TracerPrograms(plan, btf, options, {
        ...request,
        collection,
        ...(registers !== undefined && { registers }),
      });
    } catch (error) {
      registers?.[Symbol.dispose]();
      throw error;
    }
  }

  /** Goes on with programs that another process has loaded and attached, with the same options. */
  static resume(
    { plan, maps, programs, links }: HeldObjects,
    btf: Btf,
    options: TracerOptions,
  ): TracerPrograms {
    const resumed = new TracerPrograms(plan, btf, options, {
      features: options.features ?? kernelFeatures,
      hasRing: true,
      wakeupBytes: wakeupLevel(options, ringSize(options.ringBytes)),
      filterMaps: [],
      collection: Collection.of(maps, programs),
    });
    resumed.#links.push(...links);
    return resumed;
  }

  /**
   * Attaches the hooks, then walks over the sockets that are there already: in this order no connection falls between
   * the two.
   *
   * @throws SyscallError
   */
  attach(plan: HookPlan): void {
    const { collection } = this;
    const { program: acceptProgram } = acceptHookEntry(plan.accept);
    // Programs run in the order in which they are attached.
    this.#links.push(
      plan.lifeCycle === 'tracepoint'
        ? attachTracepoint(collection.program('state_change_event'), 'sock/inet_sock_set_state')
        : attachRawTracepoint(collection.program('state_change'), 'inet_sock_set_state'),
    );
    if (plan.nestedFallback) {
      this.#links.push(attachRawTracepoint(collection.program(nestedProgram), 'inet_sock_set_state'));
    }
    if (acceptProgram !== undefined) this.#attachAccept(collection.program(acceptProgram), plan);
    for (const name of plan.connectErrors) this.#links.push(attachTracing(collection.program(name)));
    if (plan.existingSockets) {
      using walk = attachIterator(collection.program('existing_sockets'));
      walk.read();
    }
    if (plan.closedFlows) {
      this.closedFlows = openClosedFlows(collection.program('closed_flows'), collection.map('flows'));
    }
  }

  /**
   * Attaches what could not be kept when the process before ended. An accept until then is reported when its connection ends.
   *
   * @param missed Ends that were found in the flow table before.
   * @throws SyscallError
   */
  attachRest(plan: HookPlan, missed: number): void {
    const { collection } = this;
    const { program } = acceptHookEntry(plan.accept);
    if (program !== undefined && isBreakpoint(plan)) {
      try {
        this.#attachAccept(collection.program(program), plan);
      } catch (error) {
        // As while it is off in a flood.
        if (!(error instanceof BreakpointRefusedError)) throw error;
      }
    }
    if (plan.closedFlows)
      this.closedFlows = openClosedFlows(collection.program('closed_flows'), collection.map('flows'), missed);
  }

  /** The links that are attached. */
  get links(): readonly Link[] {
    return this.#links;
  }

  #attachAccept(program: Program, plan: HookPlan): void {
    const [mechanism, symbol] = plan.accept.split(':') as [string, string];
    if (isBreakpoint(plan)) {
      const pointers = plan.breakpoint?.pointers ?? [];
      this.#links.push(new AcceptBreakpointLink(program, pointers, this.#registers));
      // A CPU may have gone meanwhile.
      this.#registers?.[Symbol.dispose]();
    } else if (mechanism === 'fentry' || mechanism === 'fexit') {
      this.#links.push(attachTracing(program));
    } else {
      this.#links.push(this.#attachProbe(program, symbol, mechanism === 'kretprobe'));
    }
  }

  #attachProbe(program: Program, symbol: string, retprobe: boolean): Link {
    const features = this.#features;
    // As many processes may sleep in accept() as there are; by default the kernel follows one a CPU. Only tracefs knows of
    // that number; a probe made there is removed by the next start if this process is killed.
    if (retprobe && features.has('kprobe_events')) {
      try {
        return attachKprobe(program, symbol, { retprobe, maxactive: MAX_SLEEPING_ACCEPTS, features });
      } catch (error) {
        if (!(error instanceof EbpfError)) throw error;
      }
    }
    return attachKprobe(program, symbol, { retprobe, features });
  }

  /** Ends the flow of events. The events in the ring stay readable. */
  detach(): void {
    for (const link of this.#links.splice(0)) link[Symbol.dispose]();
    this.fds.detach();
  }

  [Symbol.dispose](): void {
    this.detach();
    this.#registers?.[Symbol.dispose]();
    this.closedFlows?.[Symbol.dispose]();
    this.filtered[Symbol.dispose]();
    this.fds[Symbol.dispose]();
    this.collection[Symbol.dispose]();
  }
}

function isBreakpoint({ accept }: HookPlan): boolean {
  return accept.startsWith('breakpoint:');
}
