/** Which of the tracer's kernel programs a plan needs, and what they are loaded with. */
import {
  type Btf,
  Collection,
  type CollectionSpec,
  type FeatureTable,
  kernelBtf,
  features as kernelFeatures,
  type LoadOptions,
  MapFlag,
  MapType,
  OptionError,
  setGlobal,
} from '@weir/ebpf';
import { pageSize, possibleCpus } from '@weir/ebpf/sys';
import { Direction } from '../generated/tcp.js';
import { readObject } from '../objects.js';
import type { TracerOptions } from '../options.js';
import type { AcceptRegisters } from './accept-breakpoint-link.js';
import { acceptHookEntry } from './accept-hooks.js';
import { type CompiledFilter, compileFilter } from './filter.js';
import type { HookPlan } from './plan.js';

const objectName = 'tcp.bpf.o';
/** The same programs, which read by loads; see bpf/reads.h. */
const typedObjectName = 'tcp-typed.bpf.o';
const DEFAULT_RING_BYTES = 8 << 20;
const DEFAULT_MAX_CONNECTIONS = 65_536;

/** The second program handles what the first is prevented from handling; see bpf/nesting.h. */
export const nestedProgram = 'state_change_nested';

/** The ring's size in bytes, rounded up to a power of two of at least a page, as the kernel requires. */
export function ringSize(bytes: number = DEFAULT_RING_BYTES): number {
  if (!Number.isInteger(bytes) || bytes < 1 || bytes > 2 ** 30) {
    throw new OptionError(`${bytes} is no ring size: expected 1 to 1073741824 bytes`);
  }
  return 2 ** Math.ceil(Math.log2(Math.max(bytes, pageSize())));
}

/** The bytes in the ring from which on programs wake the reader. Events that are held do not count as those that nobody reads. */
export function wakeupLevel({ immediate, resumable }: TracerOptions, ring: number): number {
  if (immediate) return 1;
  return resumable ? ring / 2 : ring / 8;
}

/** The ring's map becomes a perf event array, for kernels before 5.8. */
function usePerfBuffer(spec: CollectionSpec): void {
  const events = spec.maps.get('events')!;
  const maxEntries = Math.max(...possibleCpus()) + 1;
  spec.maps.set('events', { ...events, type: MapType.perfEventArray, keySize: 4, valueSize: 4, maxEntries });
  setGlobal(spec, 'perf_buffer', true);
}

/** Counts of each CPU can be read without a system call where the kernel lets arrays be mapped (5.5). */
function useMappedCounts(spec: CollectionSpec, features: FeatureTable): void {
  if (!features.has('array_mmap')) return;
  const counts = spec.maps.get('statistics')!;
  spec.maps.set('statistics', { ...counts, flags: counts.flags | MapFlag.mmapable });
}

/** Whether programs can read the kernel's objects by loads: the verifier goes by its own types, whatever others are in use. */
function hasTypedReads(btf: Btf, features: FeatureTable): boolean {
  return features.has('rdonly_cast') && btf === kernelBtf();
}

/** What is to be loaded, and what then goes into the filters' maps. */
export interface LoadRequest {
  readonly spec: CollectionSpec;
  readonly options: LoadOptions;
  readonly features: FeatureTable;
  readonly hasRing: boolean;
  readonly wakeupBytes: number;
  readonly filterMaps: CompiledFilter['maps'];
}

/** What is loaded, and with what. */
export interface Loaded extends Omit<LoadRequest, 'spec' | 'options'> {
  readonly collection: Collection;
  /** The debug registers of the plan's breakpoint, if they are reserved. */
  readonly registers?: AcceptRegisters;
}

/** Loads what a plan needs. @throws OptionError for options that make no sense; the errors of {@link Collection.load}. */
export function load(plan: HookPlan, btf: Btf, options: TracerOptions): Loaded {
  const request = loadRequest(plan, btf, options);
  return { ...request, collection: Collection.load(request.spec, request.options) };
}

/** What a plan needs, with the globals and sizes that the options ask for. @throws OptionError for options that make no sense. */
export function loadRequest(plan: HookPlan, btf: Btf, options: TracerOptions): LoadRequest {
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
  const wakeupBytes = wakeupLevel(options, ring);
  setGlobal(spec, 'wakeup_bytes', wakeupBytes);
  const hasRing = features.decide('ringbuf');
  if (!hasRing) usePerfBuffer(spec);
  useMappedCounts(spec, features);
  const maxEntries = {
    statistics: Math.max(...possibleCpus()) + 1,
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
    features,
    hasRing,
    wakeupBytes,
    filterMaps: filter.maps,
  };
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
