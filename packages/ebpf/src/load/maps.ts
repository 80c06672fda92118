/** Creation of an object's maps: in an order that serves references between them, filled and frozen. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { EbpfError, FormatError } from '../errors.js';
import type { FeatureTable } from '../features/table.js';
import { indexKey } from '../map/array.js';
import { DescriptorMap } from '../map/descriptor-map.js';
import type { BpfMap } from '../map/map.js';
import { createMap, createMapOnThread, openPinnedMap } from '../map/open.js';
import type { MapSpec } from '../object/spec.js';
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
  using inner = spec.innerMap === undefined ? undefined : createMap(spec.innerMap);
  const map = createMap(spec, { btfFd: options.btfFd, innerMapFd: inner?.fd });
  try {
    if (spec.contents !== undefined) map.update(indexKey(0), spec.contents);
    // Without a freeze the programs still cannot write (BPF_F_RDONLY_PROG); the verifier only learns less.
    if (spec.readOnly === true && options.features.has('map_freeze')) map.freeze();
  } catch (error) {
    map[Symbol.dispose]();
    throw error;
  }
  return map;
}

function reusePinned(path: string, spec: MapSpec): BpfMap {
  const map = openPinnedMap(path);
  const { type, keySize, valueSize, maxEntries } = map.info();
  const same =
    type === spec.type &&
    keySize === spec.keySize &&
    valueSize === spec.valueSize &&
    (spec.maxEntries === 0 || maxEntries === spec.maxEntries);
  if (same) return map;
  map[Symbol.dispose]();
  throw new EbpfError(
    `map ${spec.name}: ${path} holds a map of another shape (${mapTypeName(type)}, key ${keySize}, ` +
      `value ${valueSize}, ${maxEntries} entries): remove it, or load with another pin path`,
  );
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
