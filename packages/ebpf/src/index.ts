/**
 * Exports that a user of the library needs. System interfaces that are not eBPF's own are behind `@weir/ebpf/sys`.
 *
 * @module @weir/ebpf
 */

import './dispose-symbol.js';

export { BtfBuilder, type IntOptions, type MemberInit } from './btf/builder.js';
export type { Candidate } from './btf/core/candidates.js';
export type { CoreResult } from './btf/core/relocate.js';
export type { CoreKind, CoreRelocation, FuncInfo, LineInfo } from './btf/ext.js';
export { kernelBtf } from './btf/kernel.js';
export { btfFromId, btfIds, type LoadedBtf } from './btf/loaded.js';
export { Btf, type ParseBtfOptions } from './btf/parse.js';
export type * from './btf/types.js';
export { Kind, Linkage } from './btf/types.js';
export {
  type Codec,
  makeCodec,
  readBytes,
  readElements,
  readInt128,
  readString,
  writeElements,
  writeInt128,
  writeString,
  zeroBytes,
} from './codegen/runtime.js';
export {
  EbpfError,
  errnoName,
  FormatError,
  OptionError,
  SyscallError,
  UnknownFeatureError,
  UnsupportedError,
  VerifierError,
} from './errors.js';
export type { Feature, FeatureName } from './features/definitions.js';
export type { FeatureState, ProbeResult, UnknownFeature } from './features/state.js';
export { type KernelSymbolEntry, KernelSymbols, kernelSymbols } from './features/symbols.js';
export { FeatureTable, features } from './features/table.js';
export { type DisassembleOptions, disassemble } from './insn/disassemble.js';
export type { AttachOptions } from './link/attach.js';
export { type AttachedPrograms, type AttachPlace, attachedPrograms } from './link/attached-programs.js';
export {
  attachBreakpoint,
  type Breakpoint,
  BreakpointLink,
  type BreakpointOptions,
  ReservedBreakpoint,
  reserveBreakpoint,
} from './link/breakpoint.js';
export { attachCgroup, type CgroupOptions } from './link/cgroup.js';
export { deviceIndex } from './link/device.js';
export { attachIterator, IteratorLink, type IteratorOptions } from './link/iterator.js';
export { attachKprobe, type KprobeOptions } from './link/kprobe.js';
export { attachKprobeMulti, type KprobeMultiOptions } from './link/kprobe-multi.js';
export { FdLink, HeldLink, type Link, linkFromId, openPinnedLink, UpdatableLink } from './link/link.js';
export { linkIds } from './link/link-ids.js';
export type { LinkDetails, LinkInfo } from './link/link-info.js';
export type { LinkNeighbour, LinkOrder, LinkPosition } from './link/link-order.js';
export { attachLirc } from './link/lirc.js';
export { attachLwt, type LwtRoute } from './link/lwt.js';
export { attachNetfilter, type NetfilterOptions } from './link/netfilter.js';
export { attachNetkit, type NetkitOptions } from './link/netkit.js';
export { attachNetns } from './link/netns.js';
export { attachPerfEvent, type PerfAttachOptions } from './link/perf-event.js';
export { attachRawTracepoint } from './link/raw-tracepoint.js';
export { attachReuseport, attachSocketFilter } from './link/socket.js';
export { attachSockmap, type SockmapOptions } from './link/sockmap.js';
export { attachTc, type TcOptions } from './link/tc.js';
export { probeTracepoint, tracepointId } from './link/tracefs.js';
export { attachTracepoint } from './link/tracepoint.js';
export { attachTracing } from './link/tracing.js';
export { attachUprobe, type UprobeOptions } from './link/uprobe.js';
export { attachUprobeMulti, type UprobeMultiOptions } from './link/uprobe-multi.js';
export { attachXdp, type XdpOptions } from './link/xdp.js';
export type { Attachments } from './load/attach-all.js';
export { Collection } from './load/collection.js';
export type { Globals } from './load/globals.js';
export type { LoadOptions } from './load/loader.js';
export type { TargetProgram } from './load/program-target.js';
export { ArenaMap } from './map/arena-map.js';
export { ArrayMap, indexKey } from './map/array.js';
export { ArrayWindow } from './map/array-window.js';
export type { Batch } from './map/batch.js';
export { BloomFilterMap } from './map/bloom.js';
export type { CreateMapOptions } from './map/create.js';
export { DescriptorMap } from './map/descriptor-map.js';
export { cidrKey, LpmTrieMap } from './map/lpm.js';
export { BpfMap, type MapShape } from './map/map.js';
export type { MapInfo } from './map/map-info.js';
export { createMap, mapFromFd, mapFromId, mapIds, openPinnedMap } from './map/open.js';
export { PerCpuMap } from './map/percpu.js';
export { type StructOpsLink, StructOpsMap } from './map/struct-ops.js';
export { listProgram } from './object/list-program.js';
export { type ParseOptions, parseObject } from './object/parse-object.js';
export { setGlobal } from './object/set-global.js';
export type * from './object/spec.js';
export type { MachineFunction } from './program/machine-code.js';
export { Program, programIds } from './program/program.js';
export type { ProgramDetails, ProgramHandle } from './program/program-handle.js';
export type { ProgramInfo } from './program/program-info.js';
export { enableStats } from './program/stats.js';
export type { TestRunInput, TestRunResult } from './program/test-run.js';
export { TimeOrderer } from './reader/ordering.js';
export { type PerfBufferOptions, PerfBufferReader, type PerfStatistics } from './reader/perf.js';
export type { OnSample } from './reader/perf-ring.js';
export type { OnRecord, OnRun, RingStatistics } from './reader/ring.js';
export { type RingBufferOptions, RingBufferReader } from './reader/ringbuf.js';
export { type BpfDelegation, BpfToken } from './sys/bpf-token.js';
export type { WaitOptions } from './sys/epoll.js';
export { type KernelVersion, kernelAtLeast, kernelVersion } from './sys/kernel-version.js';
export type { PerfEventOptions } from './sys/perf-event-open.js';
export { LoadedObject, type LoadObjectOptions, loadObject, type ObjectDescription } from './typed/object.js';
export { type RecordColumns, RecordMap, RecordReader, type RecordReaderOptions } from './typed/records.js';
export { TypedMap, TypedPerCpuMap, TypedQueue } from './typed/typed-map.js';
export { RecordWriter, UserRecordMap } from './typed/user-records.js';
export { AttachType, attachTypeName } from './uapi/attach-types.js';
export { AttachFlag, MapFlag, ProgramFlag, UpdateFlag } from './uapi/flags.js';
export { LinkType, linkTypeName } from './uapi/link-types.js';
export { MapType, mapTypeName } from './uapi/map-types.js';
export { ProgramType, programTypeName } from './uapi/program-types.js';
export { attachUsdt, type UsdtOptions, type UsdtTarget } from './usdt/attach-usdt.js';
export { type UsdtProbe, usdtProbes } from './usdt/usdt-probes.js';
export { UsdtSpecs } from './usdt/usdt-specs.js';
export type { RingReservation } from './writer/user-ring.js';
export { UserRingBuffer } from './writer/user-ringbuf.js';
