/** The places where programs attach, enum bpf_attach_type. */
import { nameFunction, numbersOf, sinceFunction } from './numbering.js';

export const attachTypes = {
  cgroupInetIngress: { id: 0, since: '4.10' },
  cgroupInetEgress: { id: 1, since: '4.10' },
  cgroupInetSockCreate: { id: 2, since: '4.10' },
  cgroupSockOps: { id: 3, since: '4.13' },
  skSkbStreamParser: { id: 4, since: '4.14' },
  skSkbStreamVerdict: { id: 5, since: '4.14' },
  cgroupDevice: { id: 6, since: '4.15' },
  skMsgVerdict: { id: 7, since: '4.17' },
  cgroupInet4Bind: { id: 8, since: '4.17' },
  cgroupInet6Bind: { id: 9, since: '4.17' },
  cgroupInet4Connect: { id: 10, since: '4.17' },
  cgroupInet6Connect: { id: 11, since: '4.17' },
  cgroupInet4PostBind: { id: 12, since: '4.17' },
  cgroupInet6PostBind: { id: 13, since: '4.17' },
  cgroupUdp4Sendmsg: { id: 14, since: '4.18' },
  cgroupUdp6Sendmsg: { id: 15, since: '4.18' },
  lircMode2: { id: 16, since: '4.18' },
  flowDissector: { id: 17, since: '4.20' },
  cgroupSysctl: { id: 18, since: '5.2' },
  cgroupUdp4Recvmsg: { id: 19, since: '5.2' },
  cgroupUdp6Recvmsg: { id: 20, since: '5.2' },
  cgroupGetsockopt: { id: 21, since: '5.3' },
  cgroupSetsockopt: { id: 22, since: '5.3' },
  traceRawTp: { id: 23, since: '5.5' },
  traceFentry: { id: 24, since: '5.5' },
  traceFexit: { id: 25, since: '5.5' },
  modifyReturn: { id: 26, since: '5.7' },
  lsmMac: { id: 27, since: '5.7' },
  traceIter: { id: 28, since: '5.8' },
  cgroupInet4Getpeername: { id: 29, since: '5.8' },
  cgroupInet6Getpeername: { id: 30, since: '5.8' },
  cgroupInet4Getsockname: { id: 31, since: '5.8' },
  cgroupInet6Getsockname: { id: 32, since: '5.8' },
  xdpDevmap: { id: 33, since: '5.8' },
  cgroupInetSockRelease: { id: 34, since: '5.9' },
  xdpCpumap: { id: 35, since: '5.9' },
  skLookup: { id: 36, since: '5.9' },
  xdp: { id: 37, since: '5.9' },
  skSkbVerdict: { id: 38, since: '5.13' },
  skReuseportSelect: { id: 39, since: '5.14' },
  skReuseportSelectOrMigrate: { id: 40, since: '5.14' },
  perfEvent: { id: 41, since: '5.15' },
  traceKprobeMulti: { id: 42, since: '5.18' },
  lsmCgroup: { id: 43, since: '6.0' },
  structOps: { id: 44, since: '6.4' },
  netfilter: { id: 45, since: '6.4' },
  tcxIngress: { id: 46, since: '6.6' },
  tcxEgress: { id: 47, since: '6.6' },
  traceUprobeMulti: { id: 48, since: '6.6' },
  cgroupUnixConnect: { id: 49, since: '6.7' },
  cgroupUnixSendmsg: { id: 50, since: '6.7' },
  cgroupUnixRecvmsg: { id: 51, since: '6.7' },
  cgroupUnixGetpeername: { id: 52, since: '6.7' },
  cgroupUnixGetsockname: { id: 53, since: '6.7' },
  netkitPrimary: { id: 54, since: '6.7' },
  netkitPeer: { id: 55, since: '6.7' },
  traceKprobeSession: { id: 56, since: '6.10' },
  traceUprobeSession: { id: 57, since: '6.13' },
} as const;

/**
 * Numbers of the places where programs attach, BPF_CGROUP_INET_INGRESS and so on. `since` in the type is the
 * first mainline version of each.
 */
export const AttachType = numbersOf(attachTypes);

/** `BPF_TRACE_FENTRY` for 24. */
export const attachTypeName = nameFunction('BPF_', AttachType);
/** The first mainline version that has it; undefined for a number that is not in the table. */
export const attachTypeSince = sinceFunction(attachTypes);
