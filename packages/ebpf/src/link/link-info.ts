/** The kernel's account of a link: struct bpf_link_info of include/uapi/linux/bpf.h. */
import { infoAttr, kernelStruct, type StructValues } from '../sys/attr.js';
import { bpf } from '../sys/bpf.js';
import { Command } from '../uapi/commands.js';
import { LinkType } from '../uapi/link-types.js';

/** The place that a link is attached to, by the kind of link. Members that the running kernel does not know are 0 or ''. */
export type LinkDetails =
  | { readonly kind: 'raw_tracepoint'; readonly tracepoint: string; readonly cookie: bigint }
  | {
      readonly kind: 'tracing';
      readonly attachType: number;
      /** The target's BTF object, or program where it is one of freplace, and the id of the function's type in it (5.13). */
      readonly targetObjectId: number;
      readonly targetTypeId: number;
      readonly cookie: bigint;
    }
  /** `cgroupId` is the inode of its folder. */
  | { readonly kind: 'cgroup'; readonly cgroupId: bigint; readonly attachType: number }
  | { readonly kind: 'iter'; readonly target: string }
  /** `inode` is that of the network namespace's file; 0 once that is gone. */
  | { readonly kind: 'netns'; readonly inode: number; readonly attachType: number }
  /** 0 once the device is gone. */
  | { readonly kind: 'xdp'; readonly ifindex: number }
  | {
      readonly kind: 'perf_event';
      /** What the event is (6.6); 'unknown' before. */
      readonly event: 'uprobe' | 'uretprobe' | 'kprobe' | 'kretprobe' | 'tracepoint' | 'event' | 'unknown';
      /** The file of a uprobe, the function of a kprobe, the tracepoint. */
      readonly target: string;
      /** Bytes from the start of the file or function, of probes. */
      readonly offset: number;
    }
  /** `count` functions (6.6), of which `returns` says whether their ends are meant, and calls that were missed (6.7). */
  | {
      readonly kind: 'kprobe_multi';
      readonly count: number;
      readonly returns: boolean;
      readonly missed: bigint;
    }
  | { readonly kind: 'struct_ops'; readonly mapId: number }
  | {
      readonly kind: 'netfilter';
      /** AF_INET (2) or AF_INET6 (10), and NF_INET_*. */
      readonly family: number;
      readonly hook: number;
      readonly priority: number;
    }
  | { readonly kind: 'tcx' | 'netkit'; readonly ifindex: number; readonly attachType: number }
  /** Known since 6.8. */
  | {
      readonly kind: 'uprobe_multi';
      readonly path: string;
      readonly count: number;
      readonly returns: boolean;
      /** 0 for all processes. */
      readonly pid: number;
    }
  | { readonly kind: 'sockmap'; readonly mapId: number; readonly attachType: number }
  /** A kind that this library does not know. */
  | { readonly kind: 'other' };

/** A link as the kernel describes it. */
export interface LinkInfo {
  /** Unique among the links that exist. */
  readonly id: number;
  readonly programId: number;
  /** BPF_LINK_TYPE_*, {@link LinkType}. */
  readonly type: number;
  /** The device of XDP, tcx and netkit; 0 for others, and once it is gone. */
  readonly ifindex: number;
  readonly details: LinkDetails;
}

/** PATH_MAX. */
const LONGEST_TEXT = 4096;
/** enum bpf_perf_event_type. */
const perfEvents = ['unknown', 'uprobe', 'uretprobe', 'kprobe', 'kretprobe', 'tracepoint', 'event'] as const;
const MULTI_RETURN = 1;

type Info = ReturnType<typeof ask>;

/** Asks about an open link (5.8). @throws SyscallError */
export function readLinkInfo(fd: number): LinkInfo {
  const info = ask(fd);
  const details = (detailsOf.get(info.get('type')) ?? (() => ({ kind: 'other' }) as const))(info, fd);
  return {
    id: info.get('id'),
    programId: info.get('progId'),
    type: info.get('type'),
    ifindex: 'ifindex' in details ? details.ifindex : 0,
    details,
  };
}

function ask(fd: number, values: StructValues<'linkInfo'> = {}) {
  const info = kernelStruct('linkInfo', values);
  bpf(Command.objGetInfoByFd, infoAttr(fd, info));
  return info;
}

/** A text that the kernel writes where it is asked to. */
function text(fd: number, values: (buffer: Uint8Array, length: number) => StructValues<'linkInfo'>): string {
  const buffer = new Uint8Array(LONGEST_TEXT);
  ask(fd, values(buffer, LONGEST_TEXT));
  return Buffer.from(buffer.subarray(0, buffer.indexOf(0))).toString('utf8');
}

const detailsOf: ReadonlyMap<number, (info: Info, fd: number) => LinkDetails> = new Map<
  number,
  (info: Info, fd: number) => LinkDetails
>([
  [
    LinkType.rawTracepoint,
    (info, fd) => ({
      kind: 'raw_tracepoint',
      tracepoint: text(fd, (tpName, tpNameLen) => ({ rawTracepoint: { tpName, tpNameLen } })),
      cookie: info.get('rawTracepoint').cookie,
    }),
  ],
  [
    LinkType.tracing,
    (info) => {
      const { attachType, targetObjId, targetBtfId, cookie } = info.get('tracing');
      return {
        kind: 'tracing',
        ...{ attachType, targetObjectId: targetObjId, targetTypeId: targetBtfId, cookie },
      };
    },
  ],
  [LinkType.cgroup, (info) => ({ kind: 'cgroup', ...info.get('cgroup') })],
  [
    LinkType.iter,
    (_info, fd) => ({
      kind: 'iter',
      target: text(fd, (targetName, targetNameLen) => ({ iter: { targetName, targetNameLen } })),
    }),
  ],
  [
    LinkType.netns,
    (info) => ({
      kind: 'netns',
      inode: info.get('netns').netnsIno,
      attachType: info.get('netns').attachType,
    }),
  ],
  [LinkType.xdp, (info) => ({ kind: 'xdp', ifindex: info.get('xdp').ifindex })],
  [LinkType.perfEvent, (info, fd) => perfEventDetails(info, fd)],
  [
    LinkType.kprobeMulti,
    (info) => {
      const { count, flags, missed } = info.get('kprobeMulti');
      return { kind: 'kprobe_multi', count, returns: (flags & MULTI_RETURN) !== 0, missed };
    },
  ],
  [LinkType.structOps, (info) => ({ kind: 'struct_ops', mapId: info.get('structOps').mapId })],
  [
    LinkType.netfilter,
    (info) => {
      const { pf, hooknum, priority } = info.get('netfilter');
      return { kind: 'netfilter', family: pf, hook: hooknum, priority };
    },
  ],
  [LinkType.tcx, (info) => ({ kind: 'tcx', ...info.get('tcx') })],
  [LinkType.netkit, (info) => ({ kind: 'netkit', ...info.get('netkit') })],
  [
    LinkType.uprobeMulti,
    (info, fd) => {
      const { count, flags, pid } = info.get('uprobeMulti');
      // A kernel that says nothing about such links refuses to be asked for the path.
      const path =
        count === 0 ? '' : text(fd, (buffer, pathSize) => ({ uprobeMulti: { path: buffer, pathSize } }));
      return { kind: 'uprobe_multi', path, count, returns: (flags & MULTI_RETURN) !== 0, pid };
    },
  ],
  [LinkType.sockmap, (info) => ({ kind: 'sockmap', ...info.get('sockmap') })],
]);

function perfEventDetails(info: Info, fd: number): LinkDetails {
  const { type, uprobe, kprobe } = info.get('perfEvent');
  const event = perfEvents[type] ?? 'unknown';
  if (event === 'unknown' || event === 'event') return { kind: 'perf_event', event, target: '', offset: 0 };
  // The names of all three are at the same place.
  const target = text(fd, (fileName, nameLen) => ({ perfEvent: { uprobe: { fileName, nameLen } } }));
  const offset = event === 'tracepoint' ? 0 : event.startsWith('k') ? kprobe.offset : uprobe.offset;
  return { kind: 'perf_event', event, target, offset };
}
