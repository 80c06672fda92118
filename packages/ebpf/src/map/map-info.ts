/** The kernel's account of a map, struct bpf_map_info. */
import { infoAttr, kernelStruct } from '../sys/attr.js';
import { bpf } from '../sys/bpf.js';
import { Command } from '../uapi/commands.js';

/** The kernel's account of a map (4.13): struct bpf_map_info of include/uapi/linux/bpf.h. */
export interface MapInfo {
  /** BPF_MAP_TYPE_*. */
  readonly type: number;
  /** Unique among the maps that exist, from 1. */
  readonly id: number;
  /** Bytes. */
  readonly keySize: number;
  /** Bytes; of one CPU's value for the per-CPU kinds. */
  readonly valueSize: number;
  /** Elements; bytes of a ring buffer. */
  readonly maxEntries: number;
  /** BPF_F_* as at creation. */
  readonly flags: number;
  /** At most 15 bytes; empty before 4.15. */
  readonly name: string;
  /** Device of an offloaded map, else 0. */
  readonly ifindex: number;
  /** Id of the BTF that the type ids refer to, else 0 (4.18). */
  readonly btfId: number;
  /** BTF type of the key, else 0 (4.18). */
  readonly keyTypeId: number;
  /** BTF type of the value, else 0 (4.18). */
  readonly valueTypeId: number;
  /** Extra argument that a few kinds take, else 0 (5.16). */
  readonly mapExtra: bigint;
}

/**
 * Asks the kernel about an open map (4.13).
 *
 * @throws SyscallError
 */
export function readMapInfo(fd: number): MapInfo {
  const info = kernelStruct('mapInfo');
  bpf(Command.objGetInfoByFd, infoAttr(fd, info));
  return {
    type: info.get('type'),
    id: info.get('id'),
    keySize: info.get('keySize'),
    valueSize: info.get('valueSize'),
    maxEntries: info.get('maxEntries'),
    flags: info.get('mapFlags'),
    name: info.text('name'),
    ifindex: info.get('ifindex'),
    btfId: info.get('btfId'),
    keyTypeId: info.get('btfKeyTypeId'),
    valueTypeId: info.get('btfValueTypeId'),
    mapExtra: info.get('mapExtra'),
  };
}
