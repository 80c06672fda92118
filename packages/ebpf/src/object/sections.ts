/**
 * What a program is for, told by the name of its ELF section: libbpf's conventions, which all BPF compilers' users
 * follow. Each row names the first mainline version that knows the program type and its attach type.
 */
import { AttachType, ProgramFlag, ProgramType } from '../sys/constants.js';

/** One kind of section name. */
export interface SectionKind {
  /** The name's fixed part: `kprobe`, `cgroup/connect4`. */
  readonly name: string;
  /** BPF_PROG_TYPE_*. */
  readonly type: number;
  /** BPF_* attach type; absent if the program type has none. */
  readonly attachType?: number;
  /** The name may go on with '/' and the target to attach to. */
  readonly takesTarget: boolean;
  /** Flags for BPF_PROG_LOAD. */
  readonly flags: number;
  /** First mainline kernel that loads such a program. */
  readonly since: string;
}

const P = ProgramType;
const A = AttachType;
const sleepable = ProgramFlag.sleepable;
const frags = ProgramFlag.xdpHasFrags;

/** A kind whose name stands alone. */
function exact(name: string, type: number, since: string, attachType?: number, flags = 0): SectionKind {
  return {
    name,
    type,
    since,
    flags,
    takesTarget: false,
    ...(attachType === undefined ? {} : { attachType }),
  };
}

/** A kind whose name may be followed by '/' and a target. */
function target(name: string, type: number, since: string, attachType?: number, flags = 0): SectionKind {
  return { ...exact(name, type, since, attachType, flags), takesTarget: true };
}

/** All known kinds. Names are distinct. */
export const sectionKinds: readonly SectionKind[] = [
  // Sockets
  exact('socket', P.socketFilter, '3.19'),
  exact('sk_reuseport', P.skReuseport, '4.19', A.skReuseportSelect),
  exact('sk_reuseport/migrate', P.skReuseport, '5.14', A.skReuseportSelectOrMigrate),
  exact('sk_skb', P.skSkb, '4.14'),
  exact('sk_skb/stream_parser', P.skSkb, '4.14', A.skSkbStreamParser),
  exact('sk_skb/stream_verdict', P.skSkb, '4.14', A.skSkbStreamVerdict),
  exact('sk_skb/verdict', P.skSkb, '5.13', A.skSkbVerdict),
  exact('sk_msg', P.skMsg, '4.17', A.skMsgVerdict),
  exact('sk_lookup', P.skLookup, '5.9', A.skLookup),
  exact('sockops', P.sockOps, '4.13', A.cgroupSockOps),
  exact('flow_dissector', P.flowDissector, '4.20', A.flowDissector),

  // Kernel and user functions
  target('kprobe', P.kprobe, '4.1'),
  target('kretprobe', P.kprobe, '4.1'),
  target('ksyscall', P.kprobe, '4.1'),
  target('kretsyscall', P.kprobe, '4.1'),
  target('kprobe.multi', P.kprobe, '5.18', A.traceKprobeMulti),
  target('kretprobe.multi', P.kprobe, '5.18', A.traceKprobeMulti),
  target('kprobe.session', P.kprobe, '6.10', A.traceKprobeSession),
  target('uprobe', P.kprobe, '4.1'),
  target('uretprobe', P.kprobe, '4.1'),
  target('uprobe.s', P.kprobe, '6.0', undefined, sleepable),
  target('uretprobe.s', P.kprobe, '6.0', undefined, sleepable),
  target('uprobe.multi', P.kprobe, '6.6', A.traceUprobeMulti),
  target('uretprobe.multi', P.kprobe, '6.6', A.traceUprobeMulti),
  target('uprobe.multi.s', P.kprobe, '6.6', A.traceUprobeMulti, sleepable),
  target('uretprobe.multi.s', P.kprobe, '6.6', A.traceUprobeMulti, sleepable),
  target('uprobe.session', P.kprobe, '6.13', A.traceUprobeSession),
  target('uprobe.session.s', P.kprobe, '6.13', A.traceUprobeSession, sleepable),
  target('usdt', P.kprobe, '4.1'),
  target('usdt.s', P.kprobe, '6.0', undefined, sleepable),
  exact('perf_event', P.perfEvent, '4.9'),

  // Tracepoints
  target('tracepoint', P.tracepoint, '4.7'),
  target('tp', P.tracepoint, '4.7'),
  target('raw_tracepoint', P.rawTracepoint, '4.17'),
  target('raw_tp', P.rawTracepoint, '4.17'),
  target('raw_tracepoint.w', P.rawTracepointWritable, '5.2'),
  target('raw_tp.w', P.rawTracepointWritable, '5.2'),

  // Programs that name a BTF function or type
  target('tp_btf', P.tracing, '5.5', A.traceRawTp),
  target('fentry', P.tracing, '5.5', A.traceFentry),
  target('fexit', P.tracing, '5.5', A.traceFexit),
  target('fmod_ret', P.tracing, '5.7', A.modifyReturn),
  target('fentry.s', P.tracing, '5.10', A.traceFentry, sleepable),
  target('fexit.s', P.tracing, '5.10', A.traceFexit, sleepable),
  target('fmod_ret.s', P.tracing, '5.10', A.modifyReturn, sleepable),
  target('iter', P.tracing, '5.8', A.traceIter),
  target('iter.s', P.tracing, '5.18', A.traceIter, sleepable),
  target('lsm', P.lsm, '5.7', A.lsmMac),
  target('lsm.s', P.lsm, '5.10', A.lsmMac, sleepable),
  target('lsm_cgroup', P.lsm, '6.0', A.lsmCgroup),
  target('freplace', P.ext, '5.6'),
  target('struct_ops', P.structOps, '5.6'),
  target('struct_ops.s', P.structOps, '5.6', undefined, sleepable),
  exact('syscall', P.syscall, '5.14', undefined, sleepable),

  // Network devices
  exact('xdp', P.xdp, '4.8', A.xdp),
  exact('xdp.frags', P.xdp, '5.18', A.xdp, frags),
  exact('xdp/devmap', P.xdp, '5.8', A.xdpDevmap),
  exact('xdp.frags/devmap', P.xdp, '5.18', A.xdpDevmap, frags),
  exact('xdp/cpumap', P.xdp, '5.9', A.xdpCpumap),
  exact('xdp.frags/cpumap', P.xdp, '5.18', A.xdpCpumap, frags),
  exact('tc', P.schedCls, '4.1'),
  exact('classifier', P.schedCls, '4.1'),
  exact('action', P.schedAct, '4.1'),
  exact('tc/ingress', P.schedCls, '6.6', A.tcxIngress),
  exact('tc/egress', P.schedCls, '6.6', A.tcxEgress),
  exact('tcx/ingress', P.schedCls, '6.6', A.tcxIngress),
  exact('tcx/egress', P.schedCls, '6.6', A.tcxEgress),
  exact('netkit/primary', P.schedCls, '6.7', A.netkitPrimary),
  exact('netkit/peer', P.schedCls, '6.7', A.netkitPeer),
  exact('netfilter', P.netfilter, '6.4', A.netfilter),
  exact('lwt_in', P.lwtIn, '4.10'),
  exact('lwt_out', P.lwtOut, '4.10'),
  exact('lwt_xmit', P.lwtXmit, '4.10'),
  exact('lwt_seg6local', P.lwtSeg6local, '4.18'),
  exact('lirc_mode2', P.lircMode2, '4.18', A.lircMode2),

  // Control groups
  exact('cgroup_skb/ingress', P.cgroupSkb, '4.10', A.cgroupInetIngress),
  exact('cgroup_skb/egress', P.cgroupSkb, '4.10', A.cgroupInetEgress),
  exact('cgroup/skb', P.cgroupSkb, '4.10'),
  exact('cgroup/sock', P.cgroupSock, '4.10', A.cgroupInetSockCreate),
  exact('cgroup/sock_create', P.cgroupSock, '4.10', A.cgroupInetSockCreate),
  exact('cgroup/sock_release', P.cgroupSock, '5.9', A.cgroupInetSockRelease),
  exact('cgroup/post_bind4', P.cgroupSock, '4.17', A.cgroupInet4PostBind),
  exact('cgroup/post_bind6', P.cgroupSock, '4.17', A.cgroupInet6PostBind),
  exact('cgroup/bind4', P.cgroupSockAddr, '4.17', A.cgroupInet4Bind),
  exact('cgroup/bind6', P.cgroupSockAddr, '4.17', A.cgroupInet6Bind),
  exact('cgroup/connect4', P.cgroupSockAddr, '4.17', A.cgroupInet4Connect),
  exact('cgroup/connect6', P.cgroupSockAddr, '4.17', A.cgroupInet6Connect),
  exact('cgroup/connect_unix', P.cgroupSockAddr, '6.7', A.cgroupUnixConnect),
  exact('cgroup/sendmsg4', P.cgroupSockAddr, '4.18', A.cgroupUdp4Sendmsg),
  exact('cgroup/sendmsg6', P.cgroupSockAddr, '4.18', A.cgroupUdp6Sendmsg),
  exact('cgroup/sendmsg_unix', P.cgroupSockAddr, '6.7', A.cgroupUnixSendmsg),
  exact('cgroup/recvmsg4', P.cgroupSockAddr, '5.2', A.cgroupUdp4Recvmsg),
  exact('cgroup/recvmsg6', P.cgroupSockAddr, '5.2', A.cgroupUdp6Recvmsg),
  exact('cgroup/recvmsg_unix', P.cgroupSockAddr, '6.7', A.cgroupUnixRecvmsg),
  exact('cgroup/getpeername4', P.cgroupSockAddr, '5.8', A.cgroupInet4Getpeername),
  exact('cgroup/getpeername6', P.cgroupSockAddr, '5.8', A.cgroupInet6Getpeername),
  exact('cgroup/getpeername_unix', P.cgroupSockAddr, '6.7', A.cgroupUnixGetpeername),
  exact('cgroup/getsockname4', P.cgroupSockAddr, '5.8', A.cgroupInet4Getsockname),
  exact('cgroup/getsockname6', P.cgroupSockAddr, '5.8', A.cgroupInet6Getsockname),
  exact('cgroup/getsockname_unix', P.cgroupSockAddr, '6.7', A.cgroupUnixGetsockname),
  exact('cgroup/getsockopt', P.cgroupSockopt, '5.3', A.cgroupGetsockopt),
  exact('cgroup/setsockopt', P.cgroupSockopt, '5.3', A.cgroupSetsockopt),
  exact('cgroup/sysctl', P.cgroupSysctl, '5.2', A.cgroupSysctl),
  exact('cgroup/dev', P.cgroupDevice, '4.15', A.cgroupDevice),
];

const kindsByName = new Map(sectionKinds.map((kind) => [kind.name, kind]));

/** A section's name, taken apart. */
export interface SectionMeaning {
  /** Absent if the name follows no convention. */
  readonly kind: SectionKind | undefined;
  /** What follows the kind's name and a '/'. */
  readonly attachTo: string | undefined;
  /** False if the name starts with '?'. */
  readonly autoload: boolean;
}

/** Takes apart a section's name such as `?kprobe/tcp_connect`. */
export function sectionMeaning(section: string): SectionMeaning {
  const autoload = !section.startsWith('?');
  const name = autoload ? section : section.slice(1);
  const kind = kindsByName.get(name);
  if (kind !== undefined) return { kind, attachTo: undefined, autoload };
  // No name that takes a target contains a '/'.
  const slash = name.indexOf('/');
  const prefix = slash === -1 ? undefined : kindsByName.get(name.slice(0, slash));
  if (prefix?.takesTarget !== true) return { kind: undefined, attachTo: undefined, autoload };
  return { kind: prefix, attachTo: name.slice(slash + 1) || undefined, autoload };
}
