/** Flags and other numbers of the kernel's BPF interface, include/uapi/linux/bpf.h up to Linux 6.18. */

/** How an update treats an existing element: BPF_ANY, BPF_NOEXIST, BPF_EXIST, BPF_F_LOCK (5.1). */
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
