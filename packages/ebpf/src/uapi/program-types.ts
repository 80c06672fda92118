/** The kinds of programs, enum bpf_prog_type. */
import { nameFunction, numbersOf, sinceFunction } from './numbering.js';

export const programTypes = {
  unspec: { id: 0, since: '3.18' },
  socketFilter: { id: 1, since: '3.19' },
  kprobe: { id: 2, since: '4.1' },
  schedCls: { id: 3, since: '4.1' },
  schedAct: { id: 4, since: '4.1' },
  tracepoint: { id: 5, since: '4.7' },
  xdp: { id: 6, since: '4.8' },
  perfEvent: { id: 7, since: '4.9' },
  cgroupSkb: { id: 8, since: '4.10' },
  cgroupSock: { id: 9, since: '4.10' },
  lwtIn: { id: 10, since: '4.10' },
  lwtOut: { id: 11, since: '4.10' },
  lwtXmit: { id: 12, since: '4.10' },
  sockOps: { id: 13, since: '4.13' },
  skSkb: { id: 14, since: '4.14' },
  cgroupDevice: { id: 15, since: '4.15' },
  skMsg: { id: 16, since: '4.17' },
  rawTracepoint: { id: 17, since: '4.17' },
  cgroupSockAddr: { id: 18, since: '4.17' },
  lwtSeg6local: { id: 19, since: '4.18' },
  lircMode2: { id: 20, since: '4.18' },
  skReuseport: { id: 21, since: '4.19' },
  flowDissector: { id: 22, since: '4.20' },
  cgroupSysctl: { id: 23, since: '5.2' },
  rawTracepointWritable: { id: 24, since: '5.2' },
  cgroupSockopt: { id: 25, since: '5.3' },
  tracing: { id: 26, since: '5.5' },
  structOps: { id: 27, since: '5.6' },
  ext: { id: 28, since: '5.6' },
  lsm: { id: 29, since: '5.7' },
  skLookup: { id: 30, since: '5.9' },
  syscall: { id: 31, since: '5.14' },
  netfilter: { id: 32, since: '6.4' },
} as const;

/**
 * Numbers of the kinds of programs, BPF_PROG_TYPE_*. `since` in the type is the first mainline version of
 * each.
 */
export const ProgramType = numbersOf(programTypes);

/** `BPF_PROG_TYPE_XDP` for 6. */
export const programTypeName = nameFunction('BPF_PROG_TYPE_', ProgramType);
/** The first mainline version that has it; undefined for a number that is not in the table. */
export const programTypeSince = sinceFunction(programTypes);
