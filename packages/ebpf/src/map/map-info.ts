/** What the kernel tells about a map. Layout: struct bpf_map_info of include/uapi/linux/bpf.h. */
import { Attr, bpf } from '../sys/bpf.js';
import { Command } from '../sys/constants.js';

export interface MapInfo {
  /** BPF_MAP_TYPE_*. */
  readonly type: number;
  /** Unique among the maps that exist, from 1. */
  readonly id: number;
  /** Bytes. */
  readonly keySize: number;
  /** Bytes; of one CPU's value for the per-CPU kinds. */
  readonly valueSize: number;
  readonly maxEntries: number;
  /** BPF_F_* as at creation. */
  readonly flags: number;
  /** At most 15 bytes; empty before 4.15. */
  readonly name: string;
  /** Device of an offloaded map, else 0. */
  readonly ifindex: number;
  /** Id of the BTF that the type ids refer to, else 0 (4.18). */
  readonly btfId: number;
  readonly keyTypeId: number;
  readonly valueTypeId: number;
  /** (5.16) */
  readonly mapExtra: bigint;
}

const infoSize = 88;

/**
 * Asks the kernel about an open map (4.13).
 *
 * @throws SyscallError
 */
export function readMapInfo(fd: number): MapInfo {
  const bytes = new Uint8Array(infoSize);
  bpf(Command.objGetInfoByFd, new Attr(16).u32(0, fd).u32(4, infoSize).pointer(8, bytes));
  const view = new DataView(bytes.buffer);
  const u32 = (offset: number): number => view.getUint32(offset, true);
  return {
    type: u32(0),
    id: u32(4),
    keySize: u32(8),
    valueSize: u32(12),
    maxEntries: u32(16),
    flags: u32(20),
    name: Buffer.from(bytes.subarray(24, 40)).toString('latin1').replace(/\0.*$/s, ''),
    ifindex: u32(40),
    btfId: u32(64),
    keyTypeId: u32(68),
    valueTypeId: u32(72),
    mapExtra: view.getBigUint64(80, true),
  };
}
