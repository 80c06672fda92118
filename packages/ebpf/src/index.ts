export { BtfBuilder, type IntOptions, type MemberInit } from './btf/builder.js';
export { type Candidate, Candidates } from './btf/core/candidates.js';
export { type CoreResult, relocate } from './btf/core/relocate.js';
export {
  type BtfExt,
  CoreKind,
  type CoreRelocation,
  type FuncInfo,
  type LineInfo,
  parseBtfExt,
} from './btf/ext.js';
export { kernelBtf } from './btf/kernel.js';
export { Btf } from './btf/parse.js';
export type * from './btf/types.js';
export { Kind, Linkage } from './btf/types.js';
export { generate } from './codegen/generate.js';
export {
  type Codec,
  makeCodec,
  readBytes,
  readElements,
  readString,
  writeElements,
  writeString,
  zeroBytes,
} from './codegen/runtime.js';
export {
  EbpfError,
  errnoName,
  FormatError,
  OptionError,
  SyscallError,
  UnsupportedError,
  VerifierError,
} from './errors.js';
export { type KernelConfig, kernelConfig, parseKernelConfig } from './features/config.js';
export type { Feature, FeatureName } from './features/definitions.js';
export { type KernelSymbolEntry, KernelSymbols, kernelSymbols } from './features/symbols.js';
export { FeatureTable, features } from './features/table.js';
export { programTypeSince } from './features/versions.js';
export { attachCgroup, type CgroupOptions } from './link/cgroup.js';
export { deviceIndex } from './link/device.js';
export { attachIterator, IteratorLink, type IteratorOptions } from './link/iterator.js';
export {
  attachKprobe,
  attachKprobeMulti,
  type KprobeMultiOptions,
  type KprobeOptions,
} from './link/kprobe.js';
export { FdLink, type Link, type LinkInfo, openPinnedLink, UpdatableLink } from './link/link.js';
export { attachNetns } from './link/netns.js';
export { attachPerfEvent, type PerfAttachOptions } from './link/perf-event.js';
export { attachRawTracepoint } from './link/raw-tracepoint.js';
export { attachSocketFilter } from './link/socket.js';
export { attachTc, type TcOptions } from './link/tc.js';
export { tracefs, tracepointId } from './link/tracefs.js';
export { removeStaleProbes } from './link/tracefs-probe.js';
export { attachTracepoint } from './link/tracepoint.js';
export { attachTracing } from './link/tracing.js';
export { attachUprobe, type UprobeOptions } from './link/uprobe.js';
export { attachXdp, type XdpOptions, xdpMode } from './link/xdp.js';
export { Collection, type LoadOptions } from './load/collection.js';
export { Globals } from './load/globals.js';
export type { ResolvedSymbol } from './load/ksyms.js';
export { type PrepareContext, type PreparedProgram, prepareInstructions } from './load/prepare.js';
export { type BtfSupport, sanitizeBtf } from './load/sanitize.js';
export { ArrayMap, indexKey } from './map/array.js';
export type { Batch } from './map/batch.js';
export type { CreateMapOptions } from './map/create.js';
export { DescriptorMap } from './map/descriptor-map.js';
export { addressBytes, cidrKey, LpmTrieMap } from './map/lpm.js';
export { BpfMap, type MapShape } from './map/map.js';
export type { MapInfo } from './map/map-info.js';
export { createMap, mapFromFd, mapFromId, mapIds, openPinnedMap } from './map/open.js';
export { PerCpuMap } from './map/percpu.js';
export { dataMapKernelName } from './object/data-maps.js';
export { type DisassembleOptions, disassemble } from './object/disassemble.js';
export { parseObject } from './object/parse-object.js';
export { type SectionKind, sectionKinds } from './object/sections.js';
export { setGlobal } from './object/set-global.js';
export type * from './object/spec.js';
export { Program, type ProgramDetails } from './program/program.js';
export type { ProgramInfo } from './program/program-info.js';
export { enableStats } from './program/stats.js';
export type { TestRunInput, TestRunResult } from './program/test-run.js';
export { TimeOrderer } from './reader/ordering.js';
export { type PerfBufferOptions, PerfBufferReader, type PerfStatistics } from './reader/perf.js';
export type { OnSample } from './reader/perf-ring.js';
export type { OnRecord, RingStatistics } from './reader/ring.js';
export { RingBufferReader } from './reader/ringbuf.js';
export { type Arena, createArena } from './sys/arena.js';
export { Attr, bpf, bpfError, bpfRaw, objectName } from './sys/bpf.js';
export {
  type CapabilityName,
  effectiveCapabilities,
  missingCapabilities,
  parseCapabilityMask,
} from './sys/capabilities.js';
export { Clock, type ClockId, clockNs, monotonicNs, realtimeOffsetNs } from './sys/clock.js';
export * from './sys/constants.js';
export { onlineCpus, parseCpuList, possibleCpus } from './sys/cpus.js';
export type { WaitOptions } from './sys/epoll.js';
export { lockdownMode } from './sys/explain.js';
export { Fd } from './sys/fd.js';
export { readSmallFile } from './sys/files.js';
export { type KernelVersion, kernelAtLeast, kernelVersion } from './sys/kernel-version.js';
export { type MemlockLimit, memlockLimit, raiseMemlock } from './sys/memlock.js';
export { Namespace, unshare, withNetns } from './sys/namespace.js';
export { NetlinkProtocol, type NetlinkRequest, NetlinkSocket } from './sys/netlink.js';
export {
  decodeAttributes,
  NetlinkControl,
  NetlinkFlag,
  type NetlinkMessage,
  NetlinkPayload,
} from './sys/netlink-message.js';
export { type SyscallName, syscall, syscallRaw } from './sys/syscalls.js';
