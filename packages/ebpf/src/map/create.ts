/** Creation of maps: BPF_MAP_CREATE with the arguments that this kernel and the kind of map take. */

import { constants } from 'node:os';
import { EbpfError } from '../errors.js';
import type { MapSpec } from '../object/spec.js';
import { type Attr, mapCreateAttr, objectName } from '../sys/attr.js';
import { bpfError, bpfOnThread, bpfRaw } from '../sys/bpf.js';
import { possibleCpus } from '../sys/cpus.js';
import { ENOTSUPP } from '../sys/errno.js';
import { Fd } from '../sys/fd.js';
import { kernelAtLeast } from '../sys/kernel-version.js';
import { pageSize } from '../sys/memory.js';
import { Command } from '../uapi/commands.js';
import { MapFlag } from '../uapi/flags.js';
import { MapType, mapTypeName, mapTypeSince } from '../uapi/map-types.js';

/** Options of {@link createMap}. */
export interface CreateMapOptions {
  /** The loaded BTF that the spec's type ids refer to. Without it, the map gets no types (4.18). */
  readonly btfFd?: number | undefined;
  /** For arrays and hashes of maps (4.12): the descriptor of a map of the shape that all inner maps have. */
  readonly innerMapFd?: number | undefined;
  /** For structs of functions (5.6): the struct around them in the kernel's BTF, or in that of a module (6.9) by its descriptor. */
  readonly kernelValue?: { readonly typeId: number; readonly btfFd?: number | undefined } | undefined;
}

const { E2BIG, EINVAL, EOPNOTSUPP } = constants.errno;

/** Kinds that refuse type ids (their map_check_btf is map_check_no_btf on some or all versions). */
const withoutBtf: ReadonlySet<number> = new Set([
  MapType.perfEventArray,
  MapType.cgroupArray,
  MapType.stackTrace,
  MapType.arrayOfMaps,
  MapType.hashOfMaps,
  MapType.devmap,
  MapType.devmapHash,
  MapType.cpumap,
  MapType.xskmap,
  MapType.sockmap,
  MapType.sockhash,
  MapType.queue,
  MapType.stack,
  MapType.ringbuf,
  MapType.userRingbuf,
  MapType.arena,
]);

/**
 * The number of entries to ask for: a ring buffer's bytes rounded up to a power of two of whole pages, a perf event
 * array's slots for all CPUs where none are given, all others as they are.
 */
export function effectiveMaxEntries(type: number, maxEntries: number): number {
  if (type === MapType.ringbuf || type === MapType.userRingbuf) {
    let size = pageSize();
    while (size < maxEntries && size < 2 ** 31) size *= 2;
    return size;
  }
  if (type === MapType.perfEventArray && maxEntries === 0) return possibleCpus().at(-1)! + 1;
  return maxEntries;
}

/** A way to create a map. Each try leaves out more of what the kernel may refuse. */
interface Attempt {
  readonly name: string;
  readonly btf: boolean;
}

function attempts(spec: MapSpec, { btfFd }: CreateMapOptions): Attempt[] {
  const hasTypes = (spec.keyTypeId ?? 0) !== 0 || (spec.valueTypeId ?? 0) !== 0;
  const btf = btfFd !== undefined && hasTypes && !withoutBtf.has(spec.type);
  const name = objectName(spec.name);
  const plain = name.replaceAll('.', '_');
  const list: Attempt[] = [{ name, btf }];
  if (btf) list.push({ name, btf: false });
  // Names may hold dots since 5.2, and exist since 4.15.
  if (plain !== name) list.push({ name: plain, btf: false });
  if (name !== '') list.push({ name: '', btf: false });
  return list;
}

/**
 * Creates a map. Its name and types are left out on kernels that do not take them.
 *
 * @throws SyscallError with the arguments, and with a likely cause; EbpfError for a map of maps without an
 * inner map.
 */
export function createMapFd(spec: MapSpec, options: CreateMapOptions = {}): Fd {
  const isMapInMap = spec.type === MapType.arrayOfMaps || spec.type === MapType.hashOfMaps;
  if (isMapInMap && options.innerMapFd === undefined) {
    throw new EbpfError(
      `map ${spec.name}: ${mapTypeName(spec.type)} needs an inner map to copy the shape of`,
    );
  }
  let firstErrno: number | undefined;
  for (const attempt of attempts(spec, options)) {
    const result = bpfRaw(Command.mapCreate, createAttr(spec, options, attempt));
    if (result >= 0) return new Fd(result);
    firstErrno ??= -result;
    if (result !== -EINVAL && result !== -E2BIG && result !== -ENOTSUPP) break;
  }
  throw bpfError(Command.mapCreate, firstErrno!, explain(spec, firstErrno!));
}

/**
 * Creates a map as {@link createMapFd} does, on another thread: the kernel takes milliseconds to clear the memory of a large one.
 *
 * @throws as {@link createMapFd}.
 */
export async function createMapFdOnThread(spec: MapSpec, options: CreateMapOptions = {}): Promise<Fd> {
  const result = await bpfOnThread(Command.mapCreate, createAttr(spec, options, attempts(spec, options)[0]!));
  // Further tries pass, or show why the first did not.
  return result >= 0 ? new Fd(result) : createMapFd(spec, options);
}

function createAttr(spec: MapSpec, options: CreateMapOptions, attempt: Attempt): Attr<'mapCreate'> {
  const isRing = spec.type === MapType.ringbuf || spec.type === MapType.userRingbuf;
  if (isRing && spec.maxEntries === 0)
    throw new EbpfError(`map ${spec.name}: a ring buffer without a size: give max_entries, its bytes`);
  return mapCreateAttr({
    type: spec.type,
    keySize: spec.keySize,
    valueSize: spec.valueSize,
    maxEntries: effectiveMaxEntries(spec.type, spec.maxEntries),
    flags: creationFlags(spec, options),
    name: attempt.name,
    innerMapFd: options.innerMapFd,
    numaNode: spec.numaNode,
    mapExtra: spec.mapExtra,
    ...(options.kernelValue !== undefined && {
      btfFd: options.btfFd,
      btfVmlinuxValueTypeId: options.kernelValue.typeId,
      valueTypeBtfObjFd: options.kernelValue.btfFd,
    }),
    ...(attempt.btf
      ? { btfFd: options.btfFd, btfKeyTypeId: spec.keyTypeId, btfValueTypeId: spec.valueTypeId }
      : {}),
  });
}

function creationFlags({ flags, numaNode }: MapSpec, { kernelValue }: CreateMapOptions): number {
  const node = numaNode === undefined ? 0 : MapFlag.numaNode;
  return flags | node | (kernelValue?.btfFd === undefined ? 0 : MapFlag.vtypeBtfObjFd);
}

function explain(spec: MapSpec, errno: number): string {
  const what =
    `map ${spec.name} of kind ${mapTypeName(spec.type)}, key_size ${spec.keySize}, ` +
    `value_size ${spec.valueSize}, max_entries ${spec.maxEntries}, map_flags 0x${spec.flags.toString(16)}`;
  if (errno === EOPNOTSUPP && spec.type === MapType.arena)
    return `${what}; arenas need the kernel's JIT compiler, which is off, or knows none on this machine`;
  if (errno !== EINVAL) return what;
  const since = mapTypeSince(spec.type);
  if (since !== undefined && !kernelAtLeast(since)) return `${what}; this kind exists since Linux ${since}`;
  if (spec.type === MapType.structOps && (spec.flags & MapFlag.link) !== 0 && !kernelAtLeast('6.4'))
    return `${what}; links of structs, which .struct_ops.link asks for, exist since Linux 6.4`;
  if (spec.maxEntries === 0) return `${what}; max_entries must not be 0`;
  if (spec.type === MapType.lpmTrie && (spec.flags & MapFlag.noPrealloc) === 0) {
    return `${what}; this kind wants BPF_F_NO_PREALLOC`;
  }
  return what;
}
