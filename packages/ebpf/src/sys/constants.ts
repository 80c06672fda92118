/**
 * Numbers of the kernel's BPF interface, include/uapi/linux/bpf.h up to Linux 6.18. Keys are the kernel's names without
 * their prefix, in camel case: `BPF_MAP_TYPE_PERCPU_HASH` is `MapType.percpuHash`. The name functions give the kernel's
 * spelling back.
 */

/** Commands of bpf(2): BPF_MAP_CREATE and so on (enum bpf_cmd). */
export const Command = {
  mapCreate: 0,
  mapLookupElem: 1,
  mapUpdateElem: 2,
  mapDeleteElem: 3,
  mapGetNextKey: 4,
  progLoad: 5,
  objPin: 6,
  objGet: 7,
  progAttach: 8,
  progDetach: 9,
  progTestRun: 10,
  progGetNextId: 11,
  mapGetNextId: 12,
  progGetFdById: 13,
  mapGetFdById: 14,
  objGetInfoByFd: 15,
  progQuery: 16,
  rawTracepointOpen: 17,
  btfLoad: 18,
  btfGetFdById: 19,
  taskFdQuery: 20,
  mapLookupAndDeleteElem: 21,
  mapFreeze: 22,
  btfGetNextId: 23,
  mapLookupBatch: 24,
  mapLookupAndDeleteBatch: 25,
  mapUpdateBatch: 26,
  mapDeleteBatch: 27,
  linkCreate: 28,
  linkUpdate: 29,
  linkGetFdById: 30,
  linkGetNextId: 31,
  enableStats: 32,
  iterCreate: 33,
  linkDetach: 34,
  progBindMap: 35,
  tokenCreate: 36,
  progStreamReadByFd: 37,
} as const;

/** Kinds of maps: BPF_MAP_TYPE_* (enum bpf_map_type). */
export const MapType = {
  unspec: 0,
  hash: 1,
  array: 2,
  progArray: 3,
  perfEventArray: 4,
  percpuHash: 5,
  percpuArray: 6,
  stackTrace: 7,
  cgroupArray: 8,
  lruHash: 9,
  lruPercpuHash: 10,
  lpmTrie: 11,
  arrayOfMaps: 12,
  hashOfMaps: 13,
  devmap: 14,
  sockmap: 15,
  cpumap: 16,
  xskmap: 17,
  sockhash: 18,
  cgroupStorage: 19,
  reuseportSockarray: 20,
  percpuCgroupStorage: 21,
  queue: 22,
  stack: 23,
  skStorage: 24,
  devmapHash: 25,
  structOps: 26,
  ringbuf: 27,
  inodeStorage: 28,
  taskStorage: 29,
  bloomFilter: 30,
  userRingbuf: 31,
  cgrpStorage: 32,
  arena: 33,
} as const;

/** Kinds of programs: BPF_PROG_TYPE_* (enum bpf_prog_type). */
export const ProgramType = {
  unspec: 0,
  socketFilter: 1,
  kprobe: 2,
  schedCls: 3,
  schedAct: 4,
  tracepoint: 5,
  xdp: 6,
  perfEvent: 7,
  cgroupSkb: 8,
  cgroupSock: 9,
  lwtIn: 10,
  lwtOut: 11,
  lwtXmit: 12,
  sockOps: 13,
  skSkb: 14,
  cgroupDevice: 15,
  skMsg: 16,
  rawTracepoint: 17,
  cgroupSockAddr: 18,
  lwtSeg6local: 19,
  lircMode2: 20,
  skReuseport: 21,
  flowDissector: 22,
  cgroupSysctl: 23,
  rawTracepointWritable: 24,
  cgroupSockopt: 25,
  tracing: 26,
  structOps: 27,
  ext: 28,
  lsm: 29,
  skLookup: 30,
  syscall: 31,
  netfilter: 32,
} as const;

/** Where a program attaches: BPF_CGROUP_INET_INGRESS and so on (enum bpf_attach_type). */
export const AttachType = {
  cgroupInetIngress: 0,
  cgroupInetEgress: 1,
  cgroupInetSockCreate: 2,
  cgroupSockOps: 3,
  skSkbStreamParser: 4,
  skSkbStreamVerdict: 5,
  cgroupDevice: 6,
  skMsgVerdict: 7,
  cgroupInet4Bind: 8,
  cgroupInet6Bind: 9,
  cgroupInet4Connect: 10,
  cgroupInet6Connect: 11,
  cgroupInet4PostBind: 12,
  cgroupInet6PostBind: 13,
  cgroupUdp4Sendmsg: 14,
  cgroupUdp6Sendmsg: 15,
  lircMode2: 16,
  flowDissector: 17,
  cgroupSysctl: 18,
  cgroupUdp4Recvmsg: 19,
  cgroupUdp6Recvmsg: 20,
  cgroupGetsockopt: 21,
  cgroupSetsockopt: 22,
  traceRawTp: 23,
  traceFentry: 24,
  traceFexit: 25,
  modifyReturn: 26,
  lsmMac: 27,
  traceIter: 28,
  cgroupInet4Getpeername: 29,
  cgroupInet6Getpeername: 30,
  cgroupInet4Getsockname: 31,
  cgroupInet6Getsockname: 32,
  xdpDevmap: 33,
  cgroupInetSockRelease: 34,
  xdpCpumap: 35,
  skLookup: 36,
  xdp: 37,
  skSkbVerdict: 38,
  skReuseportSelect: 39,
  skReuseportSelectOrMigrate: 40,
  perfEvent: 41,
  traceKprobeMulti: 42,
  lsmCgroup: 43,
  structOps: 44,
  netfilter: 45,
  tcxIngress: 46,
  tcxEgress: 47,
  traceUprobeMulti: 48,
  cgroupUnixConnect: 49,
  cgroupUnixSendmsg: 50,
  cgroupUnixRecvmsg: 51,
  cgroupUnixGetpeername: 52,
  cgroupUnixGetsockname: 53,
  netkitPrimary: 54,
  netkitPeer: 55,
  traceKprobeSession: 56,
  traceUprobeSession: 57,
} as const;

/** Kinds of links: BPF_LINK_TYPE_* (enum bpf_link_type). */
export const LinkType = {
  unspec: 0,
  rawTracepoint: 1,
  tracing: 2,
  cgroup: 3,
  iter: 4,
  netns: 5,
  xdp: 6,
  perfEvent: 7,
  kprobeMulti: 8,
  structOps: 9,
  netfilter: 10,
  tcx: 11,
  uprobeMulti: 12,
  netkit: 13,
  sockmap: 14,
} as const;

/** How an update treats an existing element: BPF_ANY, BPF_NOEXIST, BPF_EXIST, BPF_F_LOCK. */
export const UpdateFlag = { any: 0, noexist: 1, exist: 2, lock: 4 } as const;

/** Flags of BPF_MAP_CREATE, BPF_F_*; the first version of each that is newer than 4.18 in parentheses. */
export const MapFlag = {
  noPrealloc: 1 << 0,
  noCommonLru: 1 << 1,
  numaNode: 1 << 2,
  rdonly: 1 << 3,
  wronly: 1 << 4,
  stackBuildId: 1 << 5,
  /** (5.0) */
  zeroSeed: 1 << 6,
  /** (5.2) */
  rdonlyProg: 1 << 7,
  /** (5.2) */
  wronlyProg: 1 << 8,
  /** (5.4) */
  clone: 1 << 9,
  /** (5.5) */
  mmapable: 1 << 10,
  /** (5.10) */
  preserveElems: 1 << 11,
  /** (5.10) */
  innerMap: 1 << 12,
  /** (6.4) */
  link: 1 << 13,
  /** (6.5) */
  pathFd: 1 << 14,
  /** (6.9) */
  vtypeBtfObjFd: 1 << 15,
  /** (6.9) */
  tokenFd: 1 << 16,
  /** (6.9) */
  segvOnFault: 1 << 17,
  /** (6.9) */
  noUserConv: 1 << 18,
} as const;

/** Flags of BPF_PROG_LOAD, BPF_F_*. */
export const ProgramFlag = {
  strictAlignment: 1 << 0,
  anyAlignment: 1 << 1,
  testRndHi32: 1 << 2,
  testStateFreq: 1 << 3,
  sleepable: 1 << 4,
  xdpHasFrags: 1 << 5,
  xdpDevBoundOnly: 1 << 6,
  testRegInvariants: 1 << 7,
} as const;

/** Flags of BPF_PROG_ATTACH, BPF_F_*. */
export const AttachFlag = {
  allowOverride: 1 << 0,
  allowMulti: 1 << 1,
  replace: 1 << 2,
  before: 1 << 3,
  after: 1 << 4,
  id: 1 << 5,
  preorder: 1 << 6,
} as const;

/** Flags of programs attached to network devices by netlink or a link, XDP_FLAGS_* of if_link.h. */
export const XdpFlag = {
  updateIfNoexist: 1 << 0,
  skbMode: 1 << 1,
  drvMode: 1 << 2,
  hwMode: 1 << 3,
  replace: 1 << 4,
} as const;

/** Values of the source register of a 64-bit immediate load or of a call: BPF_PSEUDO_*. */
export const Pseudo = {
  mapFd: 1,
  mapValue: 2,
  btfId: 3,
  func: 4,
  mapIdx: 5,
  mapIdxValue: 6,
  call: 1,
  kfuncCall: 2,
} as const;

/** Bytes of an object name with its terminating NUL: BPF_OBJ_NAME_LEN. */
export const objectNameLength = 16;

/** The kernel's spelling of a key: `percpuHash` becomes `PERCPU_HASH`. */
function kernelSpelling(key: string): string {
  return key.replace(/[A-Z]/g, '_$&').toUpperCase();
}

function nameFunction(prefix: string, numbers: Readonly<Record<string, number>>): (value: number) => string {
  const names = new Map(Object.entries(numbers).map(([key, value]) => [value, prefix + kernelSpelling(key)]));
  return (value) => names.get(value) ?? `${prefix}${value}`;
}

/** `BPF_MAP_CREATE` for 0; `BPF_` and the number for one that has no name here. */
export const commandName = nameFunction('BPF_', Command);
/** `BPF_MAP_TYPE_HASH` for 1. */
export const mapTypeName = nameFunction('BPF_MAP_TYPE_', MapType);
/** `BPF_PROG_TYPE_XDP` for 6. */
export const programTypeName = nameFunction('BPF_PROG_TYPE_', ProgramType);
/** `BPF_TRACE_FENTRY` for 24. */
export const attachTypeName = nameFunction('BPF_', AttachType);
/** `BPF_LINK_TYPE_TRACING` for 2. */
export const linkTypeName = nameFunction('BPF_LINK_TYPE_', LinkType);
