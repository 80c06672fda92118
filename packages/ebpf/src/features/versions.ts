/** The mainline versions that brought program types, for messages. Source: the kernel's git history. */
import { ProgramType } from '../sys/constants.js';

const programTypeVersions: ReadonlyMap<number, string> = new Map([
  [ProgramType.socketFilter, '3.19'],
  [ProgramType.kprobe, '4.1'],
  [ProgramType.schedCls, '4.1'],
  [ProgramType.schedAct, '4.1'],
  [ProgramType.tracepoint, '4.7'],
  [ProgramType.xdp, '4.8'],
  [ProgramType.perfEvent, '4.9'],
  [ProgramType.cgroupSkb, '4.10'],
  [ProgramType.cgroupSock, '4.10'],
  [ProgramType.lwtIn, '4.10'],
  [ProgramType.lwtOut, '4.10'],
  [ProgramType.lwtXmit, '4.10'],
  [ProgramType.sockOps, '4.13'],
  [ProgramType.skSkb, '4.14'],
  [ProgramType.cgroupDevice, '4.15'],
  [ProgramType.skMsg, '4.17'],
  [ProgramType.rawTracepoint, '4.17'],
  [ProgramType.cgroupSockAddr, '4.17'],
  [ProgramType.lwtSeg6local, '4.18'],
  [ProgramType.lircMode2, '4.18'],
  [ProgramType.skReuseport, '4.19'],
  [ProgramType.flowDissector, '4.20'],
  [ProgramType.cgroupSysctl, '5.2'],
  [ProgramType.rawTracepointWritable, '5.2'],
  [ProgramType.cgroupSockopt, '5.3'],
  [ProgramType.tracing, '5.5'],
  [ProgramType.structOps, '5.6'],
  [ProgramType.ext, '5.6'],
  [ProgramType.lsm, '5.7'],
  [ProgramType.skLookup, '5.9'],
  [ProgramType.syscall, '5.14'],
  [ProgramType.netfilter, '6.4'],
]);

/** The first mainline version with a BPF_PROG_TYPE_* number, if known. */
export function programTypeSince(type: number): string | undefined {
  return programTypeVersions.get(type);
}
