/** Getting hold of maps: creating them, opening pinned ones, finding others by id. */
import type { MapSpec } from '../object/spec.js';
import { attr } from '../sys/attr.js';
import { bpf } from '../sys/bpf.js';
import { Fd } from '../sys/fd.js';
import { objectIds, openById } from '../sys/object-ids.js';
import { Command } from '../uapi/commands.js';
import { MapType } from '../uapi/map-types.js';
import { ArenaMap } from './arena-map.js';
import { ArrayMap } from './array.js';
import { BloomFilterMap } from './bloom.js';
import { type CreateMapOptions, createMapFd, createMapFdOnThread, effectiveMaxEntries } from './create.js';
import { DescriptorMap } from './descriptor-map.js';
import { LpmTrieMap } from './lpm.js';
import { BpfMap, type MapShape } from './map.js';
import { readMapInfo } from './map-info.js';
import { PerCpuMap } from './percpu.js';
import { StructOpsMap } from './struct-ops.js';

/** The class for a kind of map. */
function wrap(fd: Fd, shape: MapShape & { readonly mapExtra?: bigint }): BpfMap {
  switch (shape.type) {
    case MapType.array:
      return new ArrayMap(fd, shape);
    case MapType.percpuHash:
    case MapType.percpuArray:
    case MapType.lruPercpuHash:
    case MapType.percpuCgroupStorage:
      return new PerCpuMap(fd, shape);
    case MapType.bloomFilter:
      return new BloomFilterMap(fd, shape);
    case MapType.structOps:
      return new StructOpsMap(fd, shape);
    case MapType.arena:
      return new ArenaMap(fd, shape);
    case MapType.lpmTrie:
      return new LpmTrieMap(fd, shape);
    case MapType.progArray:
    case MapType.perfEventArray:
    case MapType.cgroupArray:
    case MapType.arrayOfMaps:
    case MapType.hashOfMaps:
    case MapType.sockmap:
    case MapType.sockhash:
    case MapType.xskmap:
    case MapType.reuseportSockarray:
      return new DescriptorMap(fd, shape);
    default:
      return new BpfMap(fd, shape);
  }
}

/**
 * Creates a map of the class for its kind: {@link ArrayMap}, {@link PerCpuMap}, {@link LpmTrieMap}, {@link BloomFilterMap},
 * {@link ArenaMap}, {@link DescriptorMap}, else {@link BpfMap}. Its contents and initial slots are not set. {@link MapType} has
 * the first version of each kind.
 *
 * @throws SyscallError; EbpfError for a map of maps without an inner map.
 */
export function createMap(spec: MapSpec, options: CreateMapOptions = {}): BpfMap {
  return wrapCreated(createMapFd(spec, options), spec);
}

/** Creates a map as {@link createMap} does, on another thread. @throws as {@link createMap}. */
export async function createMapOnThread(spec: MapSpec, options: CreateMapOptions = {}): Promise<BpfMap> {
  return wrapCreated(await createMapFdOnThread(spec, options), spec);
}

function wrapCreated(fd: Fd, spec: MapSpec): BpfMap {
  return wrap(fd, { ...spec, maxEntries: effectiveMaxEntries(spec.type, spec.maxEntries) });
}

/**
 * Takes ownership of an open map's descriptor (4.13).
 *
 * @param name Its full name; the kernel has 15 bytes of it at most.
 * @throws SyscallError
 */
export function mapFromFd(fd: Fd, name?: string): BpfMap {
  const info = readMapInfo(fd.fd);
  return wrap(fd, name === undefined ? info : { ...info, name });
}

/**
 * Opens a map that was pinned to a path in a BPF file system (4.13).
 *
 * @throws SyscallError
 */
export function openPinnedMap(path: string): BpfMap {
  return mapFromFd(new Fd(bpf(Command.objGet, attr('obj', { pathname: path }), () => path)));
}

/**
 * Opens the map with an id; `undefined` if there is none (4.13). Needs CAP_SYS_ADMIN.
 *
 * @throws SyscallError
 */
export function mapFromId(id: number): BpfMap | undefined {
  const fd = openById(Command.mapGetFdById, { mapId: id }, `map ${id}`);
  return fd === undefined ? undefined : mapFromFd(fd);
}

/** The ids of all maps of this machine, ascending (4.13). Needs CAP_SYS_ADMIN. @throws SyscallError */
export function mapIds(): Generator<number, void, undefined> {
  return objectIds('mapGetNextId');
}
