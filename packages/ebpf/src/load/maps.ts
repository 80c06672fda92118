/** Creation of an object's maps: in an order that serves references between them, filled and frozen. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { EbpfError, FormatError } from '../errors.js';
import type { FeatureTable } from '../features/table.js';
import { ArenaMap } from '../map/arena-map.js';
import { indexKey } from '../map/array.js';
import { effectiveMaxEntries } from '../map/create.js';
import { DescriptorMap } from '../map/descriptor-map.js';
import type { BpfMap } from '../map/map.js';
import type { MapInfo } from '../map/map-info.js';
import { createMap, createMapOnThread, openPinnedMap } from '../map/open.js';
import type { MapSpec } from '../object/spec.js';
import { possibleCpus } from '../sys/cpus.js';
import { MapFlag } from '../uapi/flags.js';
import { MapType, mapTypeName } from '../uapi/map-types.js';

export interface MapOptions {
  readonly features: FeatureTable;
  readonly btfFd: number | undefined;
  /** Entries by map name, in the place of the object's. */
  readonly maxEntries: Readonly<Record<string, number>>;
  /** Folder for maps that the object wants pinned by name. */
  readonly pinPath: string;
}

/** Where maps with `LIBBPF_PIN_BY_NAME` are pinned by default. */
export const defaultPinPath = '/sys/fs/bpf';

/**
 * Creates one map, or opens it where it is pinned by name already.
 * @throws SyscallError; UnsupportedError for global data before 5.2; UnknownFeatureError; EbpfError for a pinned map of another shape.
 */
export function createObjectMap(spec: MapSpec, options: MapOptions): BpfMap {
  const effective = effectiveSpec(spec, options);
  if (spec.pinning !== 'by-name') return createFilled(effective, options);
  const path = join(options.pinPath, spec.name);
  if (existsSync(path)) return reusePinned(path, effective);
  const map = createFilled(effective, options);
  try {
    map.pin(path);
  } catch (error) {
    map[Symbol.dispose]();
    throw error;
  }
  return map;
}

/** What is worth another thread. */
const LARGE_BYTES = 1 << 20;

/** Whether the kernel clears much memory to create a map. */
export function isLarge(spec: MapSpec, options: MapOptions): boolean {
  const { type, keySize, valueSize, flags } = spec;
  const maxEntries = options.maxEntries[spec.name] ?? spec.maxEntries;
  if (type === MapType.ringbuf) return maxEntries >= LARGE_BYTES;
  const isPreallocated = type === MapType.hash && (flags & MapFlag.noPrealloc) === 0;
  return isPreallocated && maxEntries * (keySize + valueSize) >= LARGE_BYTES;
}

/** Creates a map that {@link isLarge} as {@link createObjectMap} does, on another thread. @throws as {@link createObjectMap}. */
export async function createLargeMap(spec: MapSpec, options: MapOptions): Promise<BpfMap> {
  if (spec.pinning === 'by-name') return createObjectMap(spec, options);
  return await createMapOnThread(effectiveSpec(spec, options), { btfFd: options.btfFd });
}

/** The spec with what only the loader can know: overrides, and flags of data maps that the kernel takes. */
function effectiveSpec(spec: MapSpec, { features, maxEntries }: MapOptions): MapSpec {
  const effective = { ...spec, maxEntries: maxEntries[spec.name] ?? spec.maxEntries };
  if (spec.contents === undefined) return effective;
  features.require('global_data', `needed for ${spec.name}`);
  if (features.has('array_mmap')) effective.flags |= MapFlag.mmapable;
  if (spec.readOnly === true) effective.flags |= MapFlag.rdonlyProg;
  return effective;
}

function createFilled(spec: MapSpec, options: MapOptions): BpfMap {
  // With its types: what has a spin lock or a timer cannot be created without, and inner maps have to be alike.
  using inner = spec.innerMap === undefined ? undefined : createMap(spec.innerMap, { btfFd: options.btfFd });
  const map = createMap(spec, { btfFd: options.btfFd, innerMapFd: inner?.fd });
  try {
    if (map instanceof ArenaMap) fillArena(map, spec);
    if (spec.contents !== undefined && !isZero(spec.contents)) map.update(indexKey(0), spec.contents);
    // Without a freeze the programs still cannot write (BPF_F_RDONLY_PROG); the verifier only learns less.
    if (spec.readOnly === true && options.features.has('map_freeze')) map.freeze();
  } catch (error) {
    map[Symbol.dispose]();
    throw error;
  }
  return map;
}

/** Whether bytes are only zeros, as the kernel's memory is without being written to. Native code compares each with the next. */
function isZero(bytes: Uint8Array): boolean {
  return (
    bytes.length === 0 || (bytes[0] === 0 && Buffer.compare(bytes.subarray(1), bytes.subarray(0, -1)) === 0)
  );
}

/** Programs can be loaded only once their arena has an address: even one without variables is mapped here. */
function fillArena(map: ArenaMap, { name, arenaContents }: MapSpec): void {
  const memory = map.memory();
  if (arenaContents === undefined) return;
  if (arenaContents.length > memory.length)
    throw new FormatError(
      `map ${name}: the arena has ${memory.length} bytes, its variables ${arenaContents.length}: raise max_entries, its pages`,
    );
  memory.set(arenaContents);
}

function reusePinned(path: string, spec: MapSpec): BpfMap {
  const map = openPinnedMap(path);
  const differences = shapeDifferences(spec, map.info());
  if (differences.length === 0) return map;
  map[Symbol.dispose]();
  throw new EbpfError(
    `map ${spec.name}: ${path} holds a map of another shape (${differences.join(', ')}): remove it, or load with another pin path`,
  );
}

/** Flags that the kernel sets itself, by kind of map. */
const ownFlags: ReadonlyMap<number, number> = new Map([
  [MapType.devmap, MapFlag.rdonlyProg],
  [MapType.devmapHash, MapFlag.rdonlyProg],
]);

/** The ways in which a map that exists is not what an object asks for; none if it is. Sizes are compared as the kernel rounds them. */
export function shapeDifferences(spec: MapSpec, found: MapInfo): string[] {
  const { type } = spec;
  const differences: string[] = [];
  const compare = (
    what: string,
    wanted: unknown,
    has: unknown,
    show: (value: unknown) => string = String,
  ) => {
    if (wanted !== has)
      differences.push(`its ${what} ${what === 'flags' ? 'are' : 'is'} ${show(has)}, not ${show(wanted)}`);
  };
  const hex = (flags: unknown) => `0x${(flags as number).toString(16)}`;
  compare('kind', type, found.type, (kind) => mapTypeName(kind as number));
  compare('key size', spec.keySize, found.keySize);
  compare('value size', spec.valueSize, found.valueSize);
  if (spec.maxEntries !== 0 || type === MapType.perfEventArray)
    compare('number of entries', entriesAsCreated(spec), found.maxEntries);
  const own = ownFlags.get(type) ?? 0;
  const flags = spec.numaNode === undefined ? spec.flags : spec.flags | MapFlag.numaNode;
  compare('flags', (flags & ~own) >>> 0, (found.flags & ~own) >>> 0, hex);
  // Kernels before 5.16 neither take it nor show it.
  compare('map_extra', spec.mapExtra ?? 0n, found.mapExtra);
  return differences;
}

/** The number of entries that the kernel says a map has. */
function entriesAsCreated({ type, flags, maxEntries }: MapSpec): number {
  const effective = effectiveMaxEntries(type, maxEntries);
  const isLru = type === MapType.lruHash || type === MapType.lruPercpuHash;
  if (!isLru || (flags & MapFlag.noCommonLru) === 0) return effective;
  // Each CPU has a list of its own, all of one length.
  const cpus = possibleCpus().length;
  return Math.ceil(effective / cpus) * cpus;
}

/**
 * Fills the slots that the object declares: maps in maps, programs in program arrays.
 * @param fdOf The descriptor behind a name; undefined for what was not loaded, whose slots stay empty.
 */
export function fillSlots(
  specs: Iterable<MapSpec>,
  mapOf: (name: string) => BpfMap | undefined,
  kind: 'maps' | 'programs',
  fdOf: (name: string) => number | undefined,
): void {
  for (const spec of specs) {
    if ((spec.type === MapType.progArray) !== (kind === 'programs')) continue;
    const map = spec.initialSlots === undefined ? undefined : mapOf(spec.name);
    if (map === undefined) continue;
    if (!(map instanceof DescriptorMap))
      throw new FormatError(`map ${spec.name} cannot hold maps or programs`);
    for (const [slot, name] of spec.initialSlots!) {
      const fd = fdOf(name);
      if (fd !== undefined) map.setFd(slot, fd);
    }
  }
}
