/**
 * The smallest objects that answer whether the kernel takes something: programs of a few instructions, maps of one
 * entry, BTF of a type or two. Whatever a probe creates is closed before it returns.
 */

import { constants } from 'node:os';
import { BtfBuilder } from '../btf/builder.js';
import { kernelBtf, kernelBtfPath } from '../btf/kernel.js';
import { Kind } from '../btf/types.js';
import { assemble, insn, returning } from '../insn/assembler.js';
import { type Attr, attr, btfLoadAttr, mapCreateAttr, progLoadAttr } from '../sys/attr.js';
import { bpfRaw } from '../sys/bpf.js';
import type { CapabilityName } from '../sys/capabilities.js';
import { ENOTSUPP } from '../sys/errno.js';
import { Fd } from '../sys/fd.js';
import { progLoadRaw } from '../sys/prog-load.js';
import { type Situation, situation } from '../sys/situation.js';
import { AttachType } from '../uapi/attach-types.js';
import { Command } from '../uapi/commands.js';
import { MapFlag, ProgramFlag } from '../uapi/flags.js';
import { Helper } from '../uapi/helper-functions.js';
import { MapType } from '../uapi/map-types.js';
import { ProgramType } from '../uapi/program-types.js';
import { incapable, judge, lockedDown, mapNeeds, networkNeeds, programNeeds } from './judge.js';
import { errnoOf, judgeFile, sysfsFile } from './kernel-files.js';
import { absent, known, type ProbeResult, present } from './state.js';

const { E2BIG, EACCES, EBADF, EINVAL, ENOENT, ENOSYS, EOPNOTSUPP } = constants.errno;

/** A program to try. Numbers as in <linux/bpf.h>; the default code returns 0. */
export interface ProbeProgram {
  readonly type: number;
  readonly code?: Uint8Array;
  readonly attachType?: number;
  readonly attachBtfId?: number;
  readonly name?: string;
  readonly flags?: number;
}

function loadAttr(program: ProbeProgram, log?: Uint8Array): Attr<'progLoad'> {
  return progLoadAttr({
    progType: program.type,
    instructions: program.code ?? returning(0),
    progFlags: program.flags,
    name: program.name,
    expectedAttachType: program.attachType,
    attachBtfId: program.attachBtfId,
    log,
  });
}

/** Loads a program; the descriptor, or the negative errno. */
export function tryProgram(program: ProbeProgram): number {
  return progLoadRaw(loadAttr(program));
}

/** Whether the verifier accepts it. */
export function loads(program: ProbeProgram): ProbeResult {
  return withProgram(program, () => present);
}

/** Loads a program and asks something of it. Where it does not load, that is the answer. */
export function withProgram(program: ProbeProgram, ask: (fd: number) => ProbeResult): ProbeResult {
  const result = tryProgram(program);
  if (result < 0) return refusedProgram(program, -result);
  using fd = new Fd(result);
  return ask(fd.fd);
}

/** EACCES is either a lack of privileges or the verifier's word for what a program must not read: its log shows which. */
function refusedProgram(program: ProbeProgram, errno: number): ProbeResult {
  const needs = programNeedsOf(program.type);
  if (errno !== EACCES || !verifierSpeaks(program)) return judge(errno, needs);
  return incapable(needs) ?? absent;
}

/** The answer in the result of a call that returns a descriptor, or 0, or the negative errno. */
export function outcome(result: number, needs: readonly CapabilityName[]): ProbeResult {
  return result < 0 ? judge(-result, needs) : present;
}

/** The same for a descriptor, which is closed. */
export function opened(result: number, needs: readonly CapabilityName[]): ProbeResult {
  if (result >= 0) new Fd(result)[Symbol.dispose]();
  return outcome(result, needs);
}

/** Types that anybody with CAP_BPF and CAP_PERFMON may load; all others take CAP_NET_ADMIN in some version. */
const localTypes: ReadonlySet<number> = new Set([
  ProgramType.socketFilter,
  ProgramType.kprobe,
  ProgramType.tracepoint,
  ProgramType.perfEvent,
  ProgramType.rawTracepoint,
  ProgramType.rawTracepointWritable,
  ProgramType.tracing,
  ProgramType.lsm,
  ProgramType.syscall,
]);

/** The capabilities without which a refusal of such a program says nothing. */
export function programNeedsOf(type: number): readonly CapabilityName[] {
  return localTypes.has(type) ? programNeeds : networkNeeds;
}

/** The types whose programs the kernel ties to something at load, so that a bare one never loads. */
const boundTypes: ReadonlyMap<number, number> = new Map([
  [ProgramType.tracing, AttachType.traceRawTp],
  [ProgramType.ext, 0],
  [ProgramType.lsm, AttachType.lsmMac],
  [ProgramType.structOps, 0],
]);

/** Types that demand an expected attach type, and one that suits. */
const attachTypes: ReadonlyMap<number, number> = new Map([
  [ProgramType.cgroupSockAddr, AttachType.cgroupInet4Connect],
  [ProgramType.cgroupSockopt, AttachType.cgroupGetsockopt],
  [ProgramType.skLookup, AttachType.skLookup],
  [ProgramType.netfilter, AttachType.netfilter],
]);

/**
 * Whether a program type exists. A type that must name a target is one the kernel knows when it complains about the
 * missing target in the log (an unknown type fails before a log is written).
 */
export function probeProgramType(type: number): ProbeResult {
  const bound = boundTypes.get(type);
  if (bound !== undefined) {
    const program = { type, attachType: bound, attachBtfId: 1 };
    const result = tryProgram(program);
    if (result >= 0) return opened(result, []);
    return verifierSpeaks(program) ? present : judge(-result, programNeedsOf(type));
  }
  const attachType = attachTypes.get(type);
  const code = returning(returnOne.has(type) ? 1 : 0);
  const flags = type === ProgramType.syscall ? ProgramFlag.sleepable : 0;
  return loads({ type, code, flags, ...(attachType === undefined ? {} : { attachType }) });
}

/** Types whose return value must be 1 or may be 1 in every version. */
const returnOne: ReadonlySet<number> = new Set([
  ProgramType.cgroupSockAddr,
  ProgramType.cgroupSockopt,
  ProgramType.skLookup,
]);

/** Whether the verifier writes anything, which it does once it knows the type and lets this process load one. */
function verifierSpeaks(program: ProbeProgram): boolean {
  const log = new Uint8Array(4096);
  opened(progLoadRaw(loadAttr(program, log)), []);
  return log[0] !== 0;
}

/** Helpers that read kernel memory, which a lockdown for confidentiality hides. */
const lockdownHelpers: ReadonlySet<number> = new Set([
  Helper.probeRead,
  Helper.probeReadStr,
  Helper.probeReadKernel,
  Helper.probeReadKernelStr,
]);

/**
 * Whether programs of a type may call a helper. The verifier's own words distinguish an unknown helper from one that was only
 * called with wrong arguments, as the probe does.
 * @param helper The number of BPF_FUNC_*.
 */
export function probeHelper(type: number, helper: number): ProbeResult {
  const code = assemble(insn.call(helper), insn.movImmediate(0, 0), insn.exit());
  const attachType = attachTypes.get(type);
  const log = new Uint8Array(4096);
  const bound = boundTypes.get(type) !== undefined ? tracingTarget() : undefined;
  const attr = loadAttr({ type, code, ...(attachType === undefined ? {} : { attachType }), ...bound }, log);
  const result = progLoadRaw(attr);
  if (result >= 0) return opened(result, []);
  const text = Buffer.from(log).toString('latin1');
  return judgeHelper({ errno: -result, log: text, helper, needs: programNeedsOf(type) });
}

/** The answer in the verifier's words about a call. */
export function judgeHelper(
  refused: {
    readonly errno: number;
    readonly log: string;
    readonly helper: number;
    readonly needs: readonly CapabilityName[];
  },
  here?: Situation,
): ProbeResult {
  const { errno, log, helper, needs } = refused;
  if (!log.includes('call')) return judge(errno, needs, here);
  // A number beyond all that the kernel knows.
  if (/invalid func /.test(log)) return incapable(needs, here) ?? absent;
  if (!/unknown func |cannot use helper|program of this type cannot/.test(log)) return present;
  const lockdown = lockdownHelpers.has(helper) ? (here ?? situation).lockdown() : 'none';
  if (lockdown === 'confidentiality') return lockedDown;
  return incapable(needs, here) ?? absent;
}

function tracingTarget(): { attachType: number; attachBtfId: number } | undefined {
  const id = kernelTypeId('bpf_fentry_test1', Kind.func);
  return id === undefined ? undefined : { attachType: AttachType.traceFentry, attachBtfId: id };
}

/** The kernel's own id of a type; undefined where it has no BTF, or does not show it. */
export function kernelTypeId(name: string, kind: number): number | undefined {
  try {
    return kernelBtf()?.find(name, kind);
  } catch (error) {
    errnoOf(error);
    return undefined;
  }
}

/** Asks something that takes a type of the kernel's own BTF. */
export function withKernelType(name: string, kind: number, ask: (id: number) => ProbeResult): ProbeResult {
  const id = kernelTypeId(name, kind);
  if (id !== undefined) return ask(id);
  const btf = readableBtf();
  return btf.state === 'present' ? absent : btf;
}

/** Whether the kernel has BTF that this process can read. */
function readableBtf(): ProbeResult {
  const file = kernelBtfFile();
  if (file.state !== 'present') return file;
  try {
    return known(kernelBtf() !== undefined);
  } catch (error) {
    return judgeFile(errnoOf(error), kernelBtfPath);
  }
}

/** Whether the kernel shows its types. */
export function kernelBtfFile(): ProbeResult {
  return sysfsFile(kernelBtfPath, '/sys/kernel');
}

export interface ProbeMap {
  readonly type: number;
  readonly keySize?: number;
  readonly valueSize?: number;
  readonly maxEntries?: number;
  readonly flags?: number;
  readonly name?: string;
  readonly innerMapFd?: number;
  readonly btf?: { readonly fd: number; readonly keyTypeId: number; readonly valueTypeId: number };
}

/** Creates a map; the descriptor, or the negative errno. */
export function tryMap(map: ProbeMap): number {
  const { keySize = 4, valueSize = 4, maxEntries = 1, btf, ...rest } = map;
  const types = btf && { btfFd: btf.fd, btfKeyTypeId: btf.keyTypeId, btfValueTypeId: btf.valueTypeId };
  return bpfRaw(Command.mapCreate, mapCreateAttr({ keySize, valueSize, maxEntries, ...rest, ...types }));
}

/** Whether a map can be created. */
export function takesMap(map: ProbeMap): ProbeResult {
  return opened(tryMap(map), mapNeedsOf(map.type));
}

/** Creates a map and asks something of it. Where it cannot be created, that is the answer. */
export function withMap(map: ProbeMap, ask: (fd: number) => ProbeResult): ProbeResult {
  const result = tryMap(map);
  if (result < 0) return judge(-result, mapNeedsOf(map.type));
  using fd = new Fd(result);
  return ask(fd.fd);
}

/** Map types that take CAP_NET_ADMIN as well. */
const networkMaps: ReadonlySet<number> = new Set([
  MapType.devmap,
  MapType.devmapHash,
  MapType.sockmap,
  MapType.sockhash,
  MapType.cpumap,
  MapType.xskmap,
]);

function mapNeedsOf(type: number): readonly CapabilityName[] {
  return networkMaps.has(type) ? [...mapNeeds, 'CAP_NET_ADMIN'] : mapNeeds;
}

/** Key size, value size, entries and flags that suit a map type; types not listed take 4, 4, 1, 0. */
const mapShapes: ReadonlyMap<number, Omit<ProbeMap, 'type'>> = new Map([
  [MapType.stackTrace, { valueSize: 8 }],
  // The key is a struct bpf_lpm_trie_key with an IPv4 address.
  [MapType.lpmTrie, { keySize: 8, valueSize: 8, flags: MapFlag.noPrealloc }],
  [MapType.cgroupStorage, { keySize: 16, valueSize: 8, maxEntries: 0 }],
  [MapType.percpuCgroupStorage, { keySize: 16, valueSize: 8, maxEntries: 0 }],
  [MapType.queue, { keySize: 0 }],
  [MapType.stack, { keySize: 0 }],
  [MapType.bloomFilter, { keySize: 0 }],
  [MapType.ringbuf, { keySize: 0, valueSize: 0, maxEntries: 65536 }],
  [MapType.userRingbuf, { keySize: 0, valueSize: 0, maxEntries: 65536 }],
]);

/** Types of storage tied to kernel objects; they demand BTF for key and value. */
const storageTypes: ReadonlySet<number> = new Set([
  MapType.skStorage,
  MapType.inodeStorage,
  MapType.taskStorage,
  MapType.cgrpStorage,
]);

/** Whether a map type exists. */
export function probeMapType(type: number): ProbeResult {
  if (storageTypes.has(type)) {
    const btf = loadBtf(intBtf());
    if (btf < 0) return judge(-btf, mapNeeds);
    using fd = new Fd(btf);
    // The kernel demands this flag, and that no number of entries is given.
    const flags = MapFlag.noPrealloc;
    return takesMap({ type, maxEntries: 0, flags, btf: { fd: fd.fd, keyTypeId: 1, valueTypeId: 1 } });
  }
  if (type === MapType.arrayOfMaps || type === MapType.hashOfMaps) {
    return withMap({ type: MapType.array }, (innerMapFd) => takesMap({ type, innerMapFd }));
  }
  return takesMap({ type, ...mapShapes.get(type) });
}

/** BTF with the type `int` as id 1. */
export function intBtf(): Uint8Array {
  const builder = new BtfBuilder();
  builder.addInt('int', 4, { signed: true });
  return builder.build().encode();
}

/** Loads a BTF blob; the descriptor, or the negative errno. */
export function loadBtf(blob: Uint8Array): number {
  return bpfRaw(Command.btfLoad, btfLoadAttr(blob));
}

/** Whether the kernel accepts BTF made by `build`. */
export function takesBtf(build: (builder: BtfBuilder) => void): ProbeResult {
  const builder = new BtfBuilder();
  build(builder);
  return opened(loadBtf(builder.build().encode()), mapNeeds);
}

/** Whether opening a raw tracepoint of an impossible name fails for its name rather than for the command. */
export function opensRawTracepoints(programFd: number): ProbeResult {
  const values = { name: 'no_such_tracepoint', progFd: programFd };
  const result = bpfRaw(Command.rawTracepointOpen, attr('rawTracepoint', values));
  return result === -ENOENT ? present : opened(result, programNeeds);
}

/** Attaches a tracing program to a kernel function that only BPF's own self-tests call, and detaches it again. */
export function attachesTracing(attachType: number): ProbeResult {
  return withKernelType('bpf_fentry_test1', Kind.func, (attachBtfId) =>
    withProgram({ type: ProgramType.tracing, attachType, attachBtfId }, (fd) =>
      opened(bpfRaw(Command.rawTracepointOpen, attr('rawTracepoint', { progFd: fd })), programNeeds),
    ),
  );
}

/**
 * Whether BPF_LINK_CREATE knows an attach type: with a target that cannot exist, a kernel that does complains about the
 * target (EBADF, ENODEV …), one that does not about the argument.
 */
export function knowsLink(program: ProbeProgram, attachType: number, target = -1): ProbeResult {
  return withProgram(program, (fd) => {
    const values = { progFd: fd, targetFd: target, attachType };
    const result = bpfRaw(Command.linkCreate, attr('linkCreate', values));
    return result >= 0 ? opened(result, []) : judgeLink(-result, programNeedsOf(program.type));
  });
}

/** Answers of kernels to a command, an argument or a kind of attachment that they do not have. */
const unsupported: ReadonlySet<number> = new Set([E2BIG, EINVAL, ENOSYS, EOPNOTSUPP, ENOTSUPP]);

/** The answer in a refusal of a link to a target that does not exist. */
export function judgeLink(errno: number, needs: readonly CapabilityName[], here?: Situation): ProbeResult {
  if (unsupported.has(errno)) return judge(errno, needs, here);
  // Only a lack of privileges or a passing failure is neither about the argument nor about the target.
  const answer = judge(errno, [], here);
  return answer.state === 'unknown' ? judge(errno, needs, here) : present;
}

/** Whether a command that complains about a descriptor is known to the kernel. */
export function knowsCommand(result: number, needs: readonly CapabilityName[]): ProbeResult {
  return result === -EBADF ? present : outcome(result, needs);
}
