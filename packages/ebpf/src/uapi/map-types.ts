/** The kinds of maps, enum bpf_map_type. */
import { nameFunction, numbersOf, sinceFunction } from './numbering.js';

export const mapTypes = {
  unspec: { id: 0, since: '3.18' },
  hash: { id: 1, since: '3.19' },
  array: { id: 2, since: '3.19' },
  progArray: { id: 3, since: '4.2' },
  perfEventArray: { id: 4, since: '4.3' },
  percpuHash: { id: 5, since: '4.6' },
  percpuArray: { id: 6, since: '4.6' },
  stackTrace: { id: 7, since: '4.6' },
  cgroupArray: { id: 8, since: '4.8' },
  lruHash: { id: 9, since: '4.10' },
  lruPercpuHash: { id: 10, since: '4.10' },
  lpmTrie: { id: 11, since: '4.11' },
  arrayOfMaps: { id: 12, since: '4.12' },
  hashOfMaps: { id: 13, since: '4.12' },
  devmap: { id: 14, since: '4.14' },
  sockmap: { id: 15, since: '4.14' },
  cpumap: { id: 16, since: '4.15' },
  xskmap: { id: 17, since: '4.18' },
  sockhash: { id: 18, since: '4.18' },
  cgroupStorage: { id: 19, since: '4.19' },
  reuseportSockarray: { id: 20, since: '4.19' },
  percpuCgroupStorage: { id: 21, since: '4.20' },
  queue: { id: 22, since: '4.20' },
  stack: { id: 23, since: '4.20' },
  skStorage: { id: 24, since: '5.2' },
  devmapHash: { id: 25, since: '5.4' },
  structOps: { id: 26, since: '5.6' },
  ringbuf: { id: 27, since: '5.8' },
  inodeStorage: { id: 28, since: '5.10' },
  taskStorage: { id: 29, since: '5.11' },
  bloomFilter: { id: 30, since: '5.16' },
  userRingbuf: { id: 31, since: '6.1' },
  cgrpStorage: { id: 32, since: '6.2' },
  arena: { id: 33, since: '6.9' },
} as const;

/**
 * Numbers of the kinds of maps, BPF_MAP_TYPE_*. `since` in the type is the first mainline version of each.
 */
export const MapType = numbersOf(mapTypes);

/** `BPF_MAP_TYPE_HASH` for 1. */
export const mapTypeName = nameFunction('BPF_MAP_TYPE_', MapType);
/** The first mainline version that has it; undefined for a number that is not in the table. */
export const mapTypeSince = sinceFunction(mapTypes);
