/**
 * The names of ELF sections, which say what their programs are for: libbpf's conventions, which all BPF compilers' users
 * follow.
 */
import { AttachType, attachTypeSince } from '../uapi/attach-types.js';
import { ProgramFlag } from '../uapi/flags.js';
import { ProgramType, programTypeSince } from '../uapi/program-types.js';

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

interface KindOptions {
  readonly attachType?: number;
  readonly flags?: number;
  /** Where that differs from the first version with the attach type, or if there is none, with the program type. */
  readonly since?: string;
}

/** A kind whose name stands alone. */
function exact(name: string, type: number, options: KindOptions = {}): SectionKind {
  const { attachType, flags = 0 } = options;
  const since =
    options.since ?? (attachType === undefined ? programTypeSince(type) : attachTypeSince(attachType));
  const attach = attachType === undefined ? {} : { attachType };
  return { name, type, since: since!, flags, takesTarget: false, ...attach };
}

/** A kind whose name may be followed by '/' and a target. */
function target(name: string, type: number, options?: KindOptions): SectionKind {
  return { ...exact(name, type, options), takesTarget: true };
}

/** All known kinds. Names are distinct. */
export const sectionKinds: readonly SectionKind[] = [
  // Sockets
  exact('socket', P.socketFilter),
  exact('sk_reuseport', P.skReuseport, { attachType: A.skReuseportSelect, since: '4.19' }),
  exact('sk_reuseport/migrate', P.skReuseport, { attachType: A.skReuseportSelectOrMigrate }),
  exact('sk_skb', P.skSkb),
  exact('sk_skb/stream_parser', P.skSkb, { attachType: A.skSkbStreamParser }),
  exact('sk_skb/stream_verdict', P.skSkb, { attachType: A.skSkbStreamVerdict }),
  exact('sk_skb/verdict', P.skSkb, { attachType: A.skSkbVerdict }),
  exact('sk_msg', P.skMsg, { attachType: A.skMsgVerdict }),
  exact('sk_lookup', P.skLookup, { attachType: A.skLookup }),
  exact('sockops', P.sockOps, { attachType: A.cgroupSockOps }),
  exact('flow_dissector', P.flowDissector, { attachType: A.flowDissector }),

  // Kernel and user functions
  target('kprobe', P.kprobe),
  target('kretprobe', P.kprobe),
  target('ksyscall', P.kprobe),
  target('kretsyscall', P.kprobe),
  target('kprobe.multi', P.kprobe, { attachType: A.traceKprobeMulti }),
  target('kretprobe.multi', P.kprobe, { attachType: A.traceKprobeMulti }),
  target('kprobe.session', P.kprobe, { attachType: A.traceKprobeSession }),
  target('uprobe', P.kprobe),
  target('uretprobe', P.kprobe),
  target('uprobe.s', P.kprobe, { flags: sleepable, since: '6.0' }),
  target('uretprobe.s', P.kprobe, { flags: sleepable, since: '6.0' }),
  target('uprobe.multi', P.kprobe, { attachType: A.traceUprobeMulti }),
  target('uretprobe.multi', P.kprobe, { attachType: A.traceUprobeMulti }),
  target('uprobe.multi.s', P.kprobe, { attachType: A.traceUprobeMulti, flags: sleepable }),
  target('uretprobe.multi.s', P.kprobe, { attachType: A.traceUprobeMulti, flags: sleepable }),
  target('uprobe.session', P.kprobe, { attachType: A.traceUprobeSession }),
  target('uprobe.session.s', P.kprobe, { attachType: A.traceUprobeSession, flags: sleepable }),
  target('usdt', P.kprobe),
  target('usdt.s', P.kprobe, { flags: sleepable, since: '6.0' }),
  exact('perf_event', P.perfEvent),

  // Tracepoints
  target('tracepoint', P.tracepoint),
  target('tp', P.tracepoint),
  target('raw_tracepoint', P.rawTracepoint),
  target('raw_tp', P.rawTracepoint),
  target('raw_tracepoint.w', P.rawTracepointWritable),
  target('raw_tp.w', P.rawTracepointWritable),

  // Programs that name a BTF function or type
  target('tp_btf', P.tracing, { attachType: A.traceRawTp }),
  target('fentry', P.tracing, { attachType: A.traceFentry }),
  target('fexit', P.tracing, { attachType: A.traceFexit }),
  target('fmod_ret', P.tracing, { attachType: A.modifyReturn }),
  target('fentry.s', P.tracing, { attachType: A.traceFentry, flags: sleepable, since: '5.10' }),
  target('fexit.s', P.tracing, { attachType: A.traceFexit, flags: sleepable, since: '5.10' }),
  target('fmod_ret.s', P.tracing, { attachType: A.modifyReturn, flags: sleepable, since: '5.10' }),
  target('iter', P.tracing, { attachType: A.traceIter }),
  target('iter.s', P.tracing, { attachType: A.traceIter, flags: sleepable, since: '5.18' }),
  target('lsm', P.lsm, { attachType: A.lsmMac }),
  target('lsm.s', P.lsm, { attachType: A.lsmMac, flags: sleepable, since: '5.10' }),
  target('lsm_cgroup', P.lsm, { attachType: A.lsmCgroup }),
  target('freplace', P.ext),
  target('struct_ops', P.structOps),
  target('struct_ops.s', P.structOps, { flags: sleepable }),
  exact('syscall', P.syscall, { flags: sleepable }),

  // Network devices
  exact('xdp', P.xdp, { attachType: A.xdp, since: '4.8' }),
  exact('xdp.frags', P.xdp, { attachType: A.xdp, flags: frags, since: '5.18' }),
  exact('xdp/devmap', P.xdp, { attachType: A.xdpDevmap }),
  exact('xdp.frags/devmap', P.xdp, { attachType: A.xdpDevmap, flags: frags, since: '5.18' }),
  exact('xdp/cpumap', P.xdp, { attachType: A.xdpCpumap }),
  exact('xdp.frags/cpumap', P.xdp, { attachType: A.xdpCpumap, flags: frags, since: '5.18' }),
  exact('tc', P.schedCls),
  exact('classifier', P.schedCls),
  exact('action', P.schedAct),
  exact('tc/ingress', P.schedCls, { attachType: A.tcxIngress }),
  exact('tc/egress', P.schedCls, { attachType: A.tcxEgress }),
  exact('tcx/ingress', P.schedCls, { attachType: A.tcxIngress }),
  exact('tcx/egress', P.schedCls, { attachType: A.tcxEgress }),
  exact('netkit/primary', P.schedCls, { attachType: A.netkitPrimary }),
  exact('netkit/peer', P.schedCls, { attachType: A.netkitPeer }),
  exact('netfilter', P.netfilter, { attachType: A.netfilter }),
  exact('lwt_in', P.lwtIn),
  exact('lwt_out', P.lwtOut),
  exact('lwt_xmit', P.lwtXmit),
  exact('lwt_seg6local', P.lwtSeg6local),
  exact('lirc_mode2', P.lircMode2, { attachType: A.lircMode2 }),

  // Control groups
  exact('cgroup_skb/ingress', P.cgroupSkb, { attachType: A.cgroupInetIngress }),
  exact('cgroup_skb/egress', P.cgroupSkb, { attachType: A.cgroupInetEgress }),
  exact('cgroup/skb', P.cgroupSkb, { attachType: A.cgroupInetIngress }),
  exact('cgroup/sock', P.cgroupSock, { attachType: A.cgroupInetSockCreate }),
  exact('cgroup/sock_create', P.cgroupSock, { attachType: A.cgroupInetSockCreate }),
  exact('cgroup/sock_release', P.cgroupSock, { attachType: A.cgroupInetSockRelease }),
  exact('cgroup/post_bind4', P.cgroupSock, { attachType: A.cgroupInet4PostBind }),
  exact('cgroup/post_bind6', P.cgroupSock, { attachType: A.cgroupInet6PostBind }),
  exact('cgroup/bind4', P.cgroupSockAddr, { attachType: A.cgroupInet4Bind }),
  exact('cgroup/bind6', P.cgroupSockAddr, { attachType: A.cgroupInet6Bind }),
  exact('cgroup/connect4', P.cgroupSockAddr, { attachType: A.cgroupInet4Connect }),
  exact('cgroup/connect6', P.cgroupSockAddr, { attachType: A.cgroupInet6Connect }),
  exact('cgroup/connect_unix', P.cgroupSockAddr, { attachType: A.cgroupUnixConnect }),
  exact('cgroup/sendmsg4', P.cgroupSockAddr, { attachType: A.cgroupUdp4Sendmsg }),
  exact('cgroup/sendmsg6', P.cgroupSockAddr, { attachType: A.cgroupUdp6Sendmsg }),
  exact('cgroup/sendmsg_unix', P.cgroupSockAddr, { attachType: A.cgroupUnixSendmsg }),
  exact('cgroup/recvmsg4', P.cgroupSockAddr, { attachType: A.cgroupUdp4Recvmsg }),
  exact('cgroup/recvmsg6', P.cgroupSockAddr, { attachType: A.cgroupUdp6Recvmsg }),
  exact('cgroup/recvmsg_unix', P.cgroupSockAddr, { attachType: A.cgroupUnixRecvmsg }),
  exact('cgroup/getpeername4', P.cgroupSockAddr, { attachType: A.cgroupInet4Getpeername }),
  exact('cgroup/getpeername6', P.cgroupSockAddr, { attachType: A.cgroupInet6Getpeername }),
  exact('cgroup/getpeername_unix', P.cgroupSockAddr, { attachType: A.cgroupUnixGetpeername }),
  exact('cgroup/getsockname4', P.cgroupSockAddr, { attachType: A.cgroupInet4Getsockname }),
  exact('cgroup/getsockname6', P.cgroupSockAddr, { attachType: A.cgroupInet6Getsockname }),
  exact('cgroup/getsockname_unix', P.cgroupSockAddr, { attachType: A.cgroupUnixGetsockname }),
  exact('cgroup/getsockopt', P.cgroupSockopt, { attachType: A.cgroupGetsockopt }),
  exact('cgroup/setsockopt', P.cgroupSockopt, { attachType: A.cgroupSetsockopt }),
  exact('cgroup/sysctl', P.cgroupSysctl, { attachType: A.cgroupSysctl }),
  exact('cgroup/dev', P.cgroupDevice, { attachType: A.cgroupDevice }),
];

const kindsByName = new Map(sectionKinds.map((kind) => [kind.name, kind]));

/** The attach type that a kind of section implies, if any. */
export function attachTypeOfKind(kind: string | undefined): number | undefined {
  return kind === undefined ? undefined : kindsByName.get(kind)?.attachType;
}

/** A section's name, taken apart. */
export interface SectionMeaning {
  /** Absent if the name follows no convention. */
  readonly kind: SectionKind | undefined;
  /** The part behind the kind's name and a '/'. */
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
