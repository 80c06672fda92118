/** The tracer's kernel programs: loaded with what the options ask for, and attached. */
import {
  attachIterator,
  attachKprobe,
  attachRawTracepoint,
  attachTracepoint,
  attachTracing,
  type Btf,
  Collection,
  type CollectionSpec,
  EbpfError,
  type FeatureTable,
  kernelBtf,
  features as kernelFeatures,
  type Link,
  type LoadOptions,
  MapType,
  OptionError,
  type Program,
  setGlobal,
} from '@weir/ebpf';
import { possibleCpus } from '@weir/ebpf/sys';
import { Direction } from '../generated/tcp.js';
import { readObject } from '../objects.js';
import type { TracerOptions } from '../options.js';
import { AcceptBreakpointLink, AcceptRegisters } from './accept-breakpoint-link.js';
import { acceptHookEntry } from './accept-hooks.js';
import { type ClosedFlows, openClosedFlows } from './closed-flows.js';
import { FdWatch } from './fd-watch.js';
import { type CompiledFilter, compileFilter, pidKey } from './filter.js';
import { FilteredProcesses } from './filtered-processes.js';
import type { HookPlan } from './plan.js';

const objectName = 'tcp.bpf.o';
/** The same programs, which read by loads; see bpf/reads.h. */
const typedObjectName = 'tcp-typed.bpf.o';
const PAGE_SIZE = 4096;
/** KRETPROBE_MAXACTIVE_MAX of the kernel's trace_kprobe.c. */
const MAX_SLEEPING_ACCEPTS = 4096;
const DEFAULT_RING_BYTES = 8 << 20;
const DEFAULT_MAX_CONNECTIONS = 65_536;

/** The second program handles what the first is prevented from handling; see bpf/nesting.h. */
export const nestedProgram = 'state_change_nested';

/** The ring's size in bytes, rounded up to a power of two of at least a page, as the kernel requires. */
export function ringSize(bytes: number = DEFAULT_RING_BYTES): number {
  if (!Number.isInteger(bytes) || bytes < 1 || bytes > 2 ** 30) {
    throw new OptionError(`${bytes} is no ring size: expected 1 to 1073741824 bytes`);
  }
  return 2 ** Math.ceil(Math.log2(Math.max(bytes, PAGE_SIZE)));
}

/** The ring's map becomes a perf event array, for kernels before 5.8. */
function usePerfBuffer(spec: CollectionSpec): void {
  const events = spec.maps.get('events')!;
  const maxEntries = Math.max(...possibleCpus()) + 1;
  spec.maps.set('events', { ...events, type: MapType.perfEventArray, keySize: 4, valueSize: 4, maxEntries });
  setGlobal(spec, 'perf_buffer', true);
}

/** Whether programs can read the kernel's objects by loads: the verifier goes by its own types, whatever others are in use. */
function hasTypedReads(btf: Btf, features: FeatureTable): boolean {
  return features.has('rdonly_cast') && btf === kernelBtf();
}

/** What is to be loaded, and what then goes into the filters' maps. */
interface LoadRequest {
  readonly spec: CollectionSpec;
  readonly options: LoadOptions & { readonly features: FeatureTable };
  readonly hasRing: boolean;
  readonly wakeupBytes: number;
  readonly filterMaps: CompiledFilter['maps'];
}

/** @throws OptionError for options that make no sense. */
function loadRequest(plan: HookPlan, btf: Btf, options: TracerOptions): LoadRequest {
  const filter = compileFilter(options.filter);
  const programs = programNames(plan);
  const features = options.features ?? kernelFeatures;
  const spec = readObject(hasTypedReads(btf, features) ? typedObjectName : objectName, programs);
  const ring = ringSize(options.ringBytes);
  const maxConnections = options.maxConnections ?? DEFAULT_MAX_CONNECTIONS;
  if (!Number.isInteger(maxConnections) || maxConnections < 1 || maxConnections > 2 ** 24) {
    throw new OptionError(`${maxConnections} is no number of connections: expected 1 to 16777216`);
  }
  setGlobal(spec, 'accept_mode', acceptHookEntry(plan.accept).mode);
  if (plan.breakpoint !== undefined) setGlobal(spec, 'accept_place', plan.breakpoint.place);
  setGlobal(spec, 'wanted_events', filter.wantedEvents);
  setGlobal(spec, 'wanted_direction', filter.wantedDirection);
  setGlobal(spec, 'process_filters', filter.processFilters);
  setGlobal(spec, 'tuple_filters', filter.tupleFilters);
  setGlobal(spec, 'prompt_close', options.promptClose ?? false);
  const wakeupBytes = options.immediate ? 1 : ring / 8;
  setGlobal(spec, 'wakeup_bytes', wakeupBytes);
  const hasRing = features.decide('ringbuf');
  if (!hasRing) usePerfBuffer(spec);
  const maxEntries = {
    ...(hasRing && { events: ring }),
    flows: maxConnections,
    ...((filter.processFilters !== 0 || filter.wantedDirection !== Direction.DIRECTION_UNKNOWN) && {
      filtered_sockets: maxConnections,
    }),
    ...Object.fromEntries(
      filter.maps
        .filter(({ name }) => name !== 'filter_ports')
        .map(({ name, entries }) => [name, entries.length]),
    ),
  };
  return {
    spec,
    options: { btf, features, programs, maxEntries },
    hasRing,
    wakeupBytes,
    filterMaps: filter.maps,
  };
}

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
   * @param request Default: by plan and options.
   * @param collection The request's, loaded.
   * @param registers Those of the plan's breakpoint, if they are reserved.
   * @throws OptionError for options that make no sense; the errors of {@link Collection.load}.
   */
  constructor(
    plan: HookPlan,
    btf: Btf,
    options: TracerOptions,
    request = loadRequest(plan, btf, options),
    collection = Collection.load(request.spec, request.options),
    registers?: AcceptRegisters,
  ) {
    this.#registers = registers;
    const { features } = request.options;
    this.#features = features;
    this.collection = collection;
    this.fds = new FdWatch({
      candidates: plan.fds,
      btf,
      features,
      globals: { perf_buffer: !request.hasRing, wakeup_bytes: request.wakeupBytes },
      map: (name) => this.collection.map(name),
    });
    try {
      for (const { name, entries } of request.filterMaps) {
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

  /** Loads all programs at the same time. @throws as the constructor; RegistersInUseError. */
  static async loadAsync(plan: HookPlan, btf: Btf, options: TracerOptions): Promise<TracerPrograms> {
    const request = loadRequest(plan, btf, options);
    const loading = Collection.loadAsync(request.spec, request.options);
    let registers: AcceptRegisters | undefined;
    try {
      // What waits for other CPUs does so while the programs are verified.
      if (isBreakpoint(plan)) registers = new AcceptRegisters(plan.breakpoint?.pointers ?? []);
    } catch (error) {
      (await loading)[Symbol.dispose]();
      throw error;
    }
    try {
      return new TracerPrograms(plan, btf, options, request, await loading, registers);
    } catch (error) {
      registers?.[Symbol.dispose]();
      throw error;
    }
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

/** Programs of the object that a plan needs. */
export function programNames(plan: HookPlan): string[] {
  const { program: accept } = acceptHookEntry(plan.accept);
  return [
    plan.lifeCycle === 'tracepoint' ? 'state_change_event' : 'state_change',
    ...(plan.nestedFallback ? [nestedProgram] : []),
    ...(accept === undefined ? [] : [accept]),
    ...plan.connectErrors,
    ...(plan.existingSockets ? ['existing_sockets'] : []),
    ...(plan.closedFlows ? ['closed_flows'] : []),
  ];
}
