/**
 * The features this library asks about. `since` is the first mainline version; distributions backport (Red Hat's 4.18
 * has much of 5.10), which is why every entry is tried.
 *
 * Sources of the versions: the commits that introduced each feature, as listed in the kernel's git history and in
 * iovisor/bcc's docs/kernel-versions.md.
 */

import { constants } from 'node:os';
import { Kind } from '../btf/types.js';
import { assemble, insn } from '../insn/assembler.js';
import { JmpOp } from '../insn/insn.js';
import { attr, stringTable } from '../sys/attr.js';
import { bpfRaw } from '../sys/bpf.js';
import { kernelAtLeast } from '../sys/kernel-version.js';
import { PerfSoftware, PerfType, perfEventOpenRaw } from '../sys/perf-event-open.js';
import { lastCapability } from '../sys/situation.js';
import { AttachType } from '../uapi/attach-types.js';
import { Command } from '../uapi/commands.js';
import { MapFlag } from '../uapi/flags.js';
import { Helper, helperName, helperSince } from '../uapi/helper-functions.js';
import { MapType, mapTypeName, mapTypeSince } from '../uapi/map-types.js';
import { ProgramType, programTypeName, programTypeSince } from '../uapi/program-types.js';
import { takesPointersGlobally } from './global-functions.js';
import { mapNeeds, programNeeds } from './judge.js';
import { judgeFile, readText, sysfsFile, tracefsFile } from './kernel-files.js';
import {
  attachesTracing,
  kernelBtfFile,
  knowsCommand,
  knowsLink,
  loads,
  opened,
  opensRawTracepoints,
  outcome,
  probeHelper,
  probeMapType,
  probeProgramType,
  takesBtf,
  takesMap,
  withKernelType,
  withMap,
  withProgram,
} from './probe.js';
import { allOf, anyOf, known, type ProbeResult, present, unknown } from './state.js';
import { kernelSymbols } from './symbols.js';

/** One thing that kernels have or lack. */
export interface Feature {
  /** The first mainline version that has it, such as `5.8`. */
  readonly since: string;
  /** Its name in the kernel's own terms. */
  readonly description: string;
  /** Tries it on the running kernel. */
  probe(): ProbeResult;
}

const filter = ProgramType.socketFilter;

function feature(since: string, description: string, probe: () => ProbeResult): Feature {
  return { since, description, probe };
}

function mapTypeFeature(type: number): Feature {
  return feature(mapTypeSince(type)!, mapTypeName(type), () => probeMapType(type));
}

function programTypeFeature(type: number): Feature {
  return feature(programTypeSince(type)!, programTypeName(type), () => probeProgramType(type));
}

/** A helper that programs of a type may call. */
function helperFeature(helper: number, type: number): Feature {
  return feature(helperSince(helper)!, helperName(helper), () => probeHelper(type, helper));
}

const returnZero = [insn.movImmediate(0, 0), insn.exit()];

export const featureDefinitions = {
  // ---- names and BTF ----
  prog_name: feature('4.15', 'program names', () => loads({ type: filter, name: 'probe' })),
  map_name: feature('4.15', 'map names', () => takesMap({ type: MapType.array, name: 'probe' })),
  btf: feature('4.18', 'BPF_BTF_LOAD', () => takesBtf((btf) => btf.addInt('int', 4))),
  btf_func: feature('5.0', 'BTF_KIND_FUNC, with func_info and line_info', () =>
    takesBtf((btf) => {
      const proto = btf.add({ kind: Kind.funcProto, name: '', returnTypeId: 0, parameters: [] });
      btf.add({ kind: Kind.func, name: 'f', typeId: proto, linkage: 0 });
    }),
  ),
  btf_datasec: feature('5.2', 'BTF_KIND_VAR and BTF_KIND_DATASEC', () =>
    takesBtf((btf) => {
      const int = btf.addInt('int', 4);
      const variable = btf.add({ kind: Kind.var, name: 'v', typeId: int, linkage: 1 });
      btf.add({
        kind: Kind.datasec,
        name: '.data',
        size: 4,
        variables: [{ typeId: variable, offset: 0, size: 4 }],
      });
    }),
  ),
  btf_func_global: feature('5.6', 'BTF_KIND_FUNC with global linkage', () =>
    takesBtf((btf) => {
      const int = btf.addInt('int', 4);
      const proto = btf.add({ kind: Kind.funcProto, name: '', returnTypeId: int, parameters: [] });
      btf.add({ kind: Kind.func, name: 'f', typeId: proto, linkage: 1 });
    }),
  ),
  btf_func_pointers: feature('5.12', 'global functions with pointers to memory', takesPointersGlobally),
  btf_float: feature('5.13', 'BTF_KIND_FLOAT', () =>
    takesBtf((btf) => btf.add({ kind: Kind.float, name: 'float', size: 4 })),
  ),
  btf_decl_tag: feature('5.16', 'BTF_KIND_DECL_TAG', () =>
    takesBtf((btf) => {
      const int = btf.addInt('int', 4);
      const type = btf.addTypedef('t', int);
      btf.add({ kind: Kind.declTag, name: 'tag', typeId: type, componentIndex: -1 });
    }),
  ),
  btf_type_tag: feature('5.17', 'BTF_KIND_TYPE_TAG', () =>
    takesBtf((btf) => {
      const int = btf.addInt('int', 4);
      btf.addPtr(btf.add({ kind: Kind.typeTag, name: 'tag', typeId: int }));
    }),
  ),
  btf_enum64: feature('6.0', 'BTF_KIND_ENUM64', () =>
    takesBtf((btf) => btf.addEnum64('e', [{ name: 'E', value: 1n }])),
  ),
  kernel_btf: feature('5.4', '/sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF)', kernelBtfFile),

  // ---- the verifier ----
  bpf_calls: feature('4.16', 'calls between BPF functions', () =>
    loads({
      type: filter,
      code: assemble(insn.callFunction(1), insn.exit(), ...returnZero),
    }),
  ),
  expected_attach_type: feature('4.17', 'expected_attach_type at program load', () =>
    // Socket filters make nothing of it, and need no capability of the network's. Older kernels refuse all but 0.
    loads({ type: filter, attachType: AttachType.cgroupInetSockCreate }),
  ),
  global_data: feature('5.2', 'global data (BPF_PSEUDO_MAP_VALUE)', () =>
    withMap({ type: MapType.array, valueSize: 32 }, (fd) =>
      loads({
        type: filter,
        code: assemble(insn.loadMapValue(1, fd, 16), insn.storeImmediate(8, 1, 0, 42), ...returnZero),
      }),
    ),
  ),
  known_constants: feature('5.5', 'constants of frozen maps known to the verifier', () =>
    withMap({ type: MapType.array, valueSize: 8, flags: MapFlag.rdonlyProg }, (fd) => {
      const frozen = outcome(bpfRaw(Command.mapFreeze, attr('mapElem', { mapFd: fd })), mapNeeds);
      if (frozen.state !== 'present') return frozen;
      return loads({
        type: filter,
        code: assemble(
          insn.loadMapValue(1, fd, 0),
          insn.load64(1, 1, 0),
          // The value is 0: a verifier that knows so does not reach the register which was never written.
          insn.jumpIfZero(1, 1),
          insn.mov(0, 9),
          ...returnZero,
        ),
      });
    }),
  ),
  large_programs: feature('5.2', 'programs of up to a million instructions', () =>
    loads({
      type: filter,
      code: assemble(...Array.from({ length: 5000 }, () => insn.movImmediate(0, 0)), ...returnZero),
    }),
  ),
  bounded_loops: feature('5.3', 'bounded loops', () =>
    loads({
      type: filter,
      code: assemble(
        insn.movImmediate(0, 10),
        insn.addImmediate(0, -1),
        insn.jumpIf(0, JmpOp.jne, 0, -2),
        insn.exit(),
      ),
    }),
  ),
  jmp32: feature('5.1', '32-bit jumps (clang -mcpu=v3)', () =>
    loads({
      type: filter,
      code: assemble(insn.movImmediate(0, 0), insn.jumpIf32(0, JmpOp.jlt, 1, 1), ...returnZero),
    }),
  ),

  // ---- helpers ----
  get_current_cgroup_id: helperFeature(Helper.getCurrentCgroupId, ProgramType.kprobe),
  sk_storage: mapTypeFeature(MapType.skStorage),
  probe_read_kernel: helperFeature(Helper.probeReadKernel, ProgramType.kprobe),
  ktime_get_boot_ns: helperFeature(Helper.ktimeGetBootNs, ProgramType.kprobe),
  skc_to_tcp_sock: helperFeature(Helper.skcToTcpSock, filter),
  get_current_task_btf: helperFeature(Helper.getCurrentTaskBtf, ProgramType.kprobe),
  for_each_map_elem: helperFeature(Helper.forEachMapElem, filter),
  attach_cookie: helperFeature(Helper.getAttachCookie, ProgramType.kprobe),
  jiffies64: helperFeature(Helper.jiffies64, filter),
  bpf_loop: helperFeature(Helper.loop, filter),

  // ---- maps ----
  map_freeze: feature('5.2', 'BPF_MAP_FREEZE', () =>
    withMap({ type: MapType.array }, (fd) =>
      outcome(bpfRaw(Command.mapFreeze, attr('mapElem', { mapFd: fd })), mapNeeds),
    ),
  ),
  rdonly_prog: feature('5.2', 'BPF_F_RDONLY_PROG', () =>
    takesMap({ type: MapType.array, flags: MapFlag.rdonlyProg }),
  ),
  array_mmap: feature('5.5', 'BPF_F_MMAPABLE arrays', () =>
    takesMap({ type: MapType.array, flags: MapFlag.mmapable }),
  ),
  batch_ops: feature('5.6', 'batched map operations', () =>
    // Nothing is asked for, so a kernel that knows the command has nothing to complain about.
    withMap({ type: MapType.array }, (fd) =>
      outcome(bpfRaw(Command.mapLookupBatch, attr('batch', { mapFd: fd })), mapNeeds),
    ),
  ),
  ringbuf: mapTypeFeature(MapType.ringbuf),
  inner_array_sizes: feature('5.10', 'inner arrays of differing sizes (BPF_F_INNER_MAP)', () =>
    takesMap({ type: MapType.array, flags: MapFlag.innerMap }),
  ),
  memcg_accounting: feature('5.11', 'BPF memory charged to cgroups rather than RLIMIT_MEMLOCK', () =>
    // The helper has no other link with the accounting than having come in the same version.
    probeHelper(filter, Helper.ktimeGetCoarseNs),
  ),

  // ---- program kinds and ways to attach ----
  kprobes: feature('4.1', 'kprobes (CONFIG_KPROBES)', () =>
    anyOf(
      () => pmuFile('kprobe'),
      // The symbol table takes long to read, and is asked last.
      () => kernelSymbols().functionState('register_kprobe'),
    ),
  ),
  kprobe_pmu: feature('4.17', 'kprobes through perf_event_open', () => pmuFile('kprobe')),
  kprobe_events: feature('4.1', 'kprobes through tracefs', kprobeEvents),
  uprobe_pmu: feature('4.17', 'uprobes through perf_event_open', () => pmuFile('uprobe')),
  raw_tracepoint: feature('4.17', 'BPF_PROG_TYPE_RAW_TRACEPOINT', () =>
    withProgram({ type: ProgramType.rawTracepoint }, opensRawTracepoints),
  ),
  cgroup_sock_addr: programTypeFeature(ProgramType.cgroupSockAddr),
  tp_btf: feature('5.5', 'BTF-typed raw tracepoints (BPF_TRACE_RAW_TP)', () =>
    withKernelType('btf_trace_sched_switch', Kind.typedef, (attachBtfId) =>
      loads({ type: ProgramType.tracing, attachType: AttachType.traceRawTp, attachBtfId }),
    ),
  ),
  fentry: feature('5.5', 'BPF_TRACE_FENTRY', () => attachesTracing(AttachType.traceFentry)),
  fexit: feature('5.5', 'BPF_TRACE_FEXIT', () => attachesTracing(AttachType.traceFexit)),
  cgroup_link: feature('5.7', 'bpf_link for cgroup programs', () =>
    knowsLink({ type: ProgramType.cgroupSkb }, AttachType.cgroupInetIngress),
  ),
  lsm: feature('5.7', 'BPF_PROG_TYPE_LSM, with bpf among the active security modules', () =>
    withKernelType('bpf_lsm_file_open', Kind.func, (attachBtfId) =>
      allOf(
        () => activeSecurityModule('bpf'),
        () => loads({ type: ProgramType.lsm, attachType: AttachType.lsmMac, attachBtfId }),
        // arm64 has loaded such programs since 6.0, but attaches them, as it does trampolines, only since 6.4.
        () => (process.arch === 'arm64' ? attachesTracing(AttachType.traceFentry) : present),
      ),
    ),
  ),
  iterators: feature('5.8', 'BPF iterators (BPF_TRACE_ITER)', () =>
    withKernelType('bpf_iter_task', Kind.func, (attachBtfId) => {
      const program = { type: ProgramType.tracing, attachType: AttachType.traceIter, attachBtfId };
      return withProgram(program, (fd) =>
        opened(
          bpfRaw(Command.linkCreate, attr('linkCreate', { progFd: fd, attachType: AttachType.traceIter })),
          programNeeds,
        ),
      );
    }),
  ),
  netns_link: feature('5.8', 'bpf_link for network namespaces', () =>
    knowsLink({ type: ProgramType.flowDissector }, AttachType.flowDissector),
  ),
  sk_lookup: programTypeFeature(ProgramType.skLookup),
  xdp_link: feature('5.9', 'bpf_link for XDP', () =>
    // A missing device and an unknown attach type get the same errno, so the command of the same version is tried.
    knowsCommand(bpfRaw(Command.linkDetach, attr('linkDetach', { linkFd: -1 })), mapNeeds),
  ),
  test_run_raw_tp: feature('5.10', 'BPF_PROG_TEST_RUN for raw tracepoints', () =>
    withProgram({ type: ProgramType.rawTracepoint }, (fd) =>
      outcome(bpfRaw(Command.progTestRun, attr('progTestRun', { progFd: fd })), programNeeds),
    ),
  ),
  syscall_program: programTypeFeature(ProgramType.syscall),
  perf_link: feature('5.15', 'bpf_link for perf events', () =>
    knowsLink({ type: ProgramType.tracepoint }, AttachType.perfEvent),
  ),
  kprobe_multi: feature('5.18', 'BPF_TRACE_KPROBE_MULTI', () =>
    withProgram({ type: ProgramType.kprobe, attachType: AttachType.traceKprobeMulti }, (fd) => {
      const kprobeMulti = { cnt: 1, syms: stringTable(['bpf_fentry_test1']) };
      const values = { progFd: fd, attachType: AttachType.traceKprobeMulti, kprobeMulti };
      return opened(bpfRaw(Command.linkCreate, attr('linkCreate', values)), programNeeds);
    }),
  ),
  // Before 6.10, and 6.6.33 of the stable ones, a pid chose a thread instead of a process.
  uprobe_multi: feature('6.10', 'BPF_TRACE_UPROBE_MULTI, for one process and all', () =>
    withProgram({ type: ProgramType.kprobe, attachType: AttachType.traceUprobeMulti }, (fd) => {
      const ask = (pid: number): number => {
        const place = { path: '/', offsets: new Uint8Array(8), cnt: 1, pid };
        const values = { progFd: fd, attachType: AttachType.traceUprobeMulti, uprobeMulti: place };
        return bpfRaw(Command.linkCreate, attr('linkCreate', values));
      };
      // What complains about the path, which is no file, knows this kind of link.
      const result = ask(0);
      if (result !== -constants.errno.EBADF) return outcome(result, programNeeds);
      // The pid is looked at before the path where it is that of a process.
      return known(ask(0xffff_ffff) === -constants.errno.EINVAL);
    }),
  ),
  tcx: feature('6.6', 'bpf_link for traffic control (tcx)', () =>
    knowsLink({ type: ProgramType.schedCls }, AttachType.tcxIngress),
  ),
  sockmap_link: feature('6.10', 'bpf_link for sockmaps', () =>
    knowsLink({ type: ProgramType.skMsg, attachType: AttachType.skMsgVerdict }, AttachType.skMsgVerdict),
  ),

  // ---- functions of the kernel ----
  rdonly_cast: feature('6.2', 'bpf_rdonly_cast', () =>
    withKernelType('bpf_rdonly_cast', Kind.func, (cast) =>
      withKernelType('sock', Kind.struct, (type) =>
        loads({
          type: ProgramType.rawTracepoint,
          code: assemble(
            insn.load64(1, 1, 0),
            insn.movImmediate(2, type),
            insn.callKernel(cast),
            insn.load64(0, 0, 0),
            ...returnZero,
          ),
        }),
      ),
    ),
  ),

  // ---- the rest ----
  cap_bpf: feature('5.8', 'CAP_BPF and CAP_PERFMON', () => {
    const last = lastCapability();
    return last === undefined ? unknown('/proc/sys/kernel/cap_last_cap cannot be read') : known(last >= 39);
  }),
  enable_stats: feature('5.8', 'BPF_ENABLE_STATS', () =>
    opened(bpfRaw(Command.enableStats, attr('enableStats', { type: 0 })), [...mapNeeds, 'CAP_SYS_ADMIN']),
  ),
} as const satisfies Record<string, Feature>;

/** The names of all features. */
export type FeatureName = keyof typeof featureDefinitions;

/** Whether this process may open a perf event that measures all processes, as hooks are: one that counts nothing. */
export function probePerfEvents(): ProbeResult {
  const event = { type: PerfType.software, config: PerfSoftware.dummy, cpu: 0 };
  return opened(perfEventOpenRaw(event), ['CAP_PERFMON']);
}

/** The file that says which perf PMU type the kernel gave to kprobes or uprobes. */
export function pmuPath(kind: 'kprobe' | 'uprobe'): string {
  return `/sys/bus/event_source/devices/${kind}/type`;
}

/** The kernel's option for these files also brings, since 4.17, the PMU, which is seen without tracefs. */
function kprobeEvents(): ProbeResult {
  const file = tracefsFile('kprobe_events');
  if (file.state !== 'unknown' || !kernelAtLeast('4.17')) return file;
  const pmu = pmuFile('kprobe');
  return pmu.state === 'absent' ? pmu : file;
}

function pmuFile(kind: 'kprobe' | 'uprobe'): ProbeResult {
  return sysfsFile(pmuPath(kind), '/sys/bus');
}

/** Whether a security module is active. */
function activeSecurityModule(name: string): ProbeResult {
  const path = '/sys/kernel/security/lsm';
  const file = readText(path);
  if ('text' in file) return known(file.text.trim().split(',').includes(name));
  return judgeFile(file.errno, path, 'securityfs is not mounted');
}
