/** Attaching a program as its section says. */
import { EbpfError, OptionError } from '../errors.js';
import type { BpfMap } from '../map/map.js';
import type { ProgramHandle } from '../program/program-handle.js';
import type { PerfEventOptions } from '../sys/perf-event-open.js';
import { programTypeName } from '../uapi/program-types.js';
import { attachUsdt, usdtTarget } from '../usdt/attach-usdt.js';
import { attachCgroup } from './cgroup.js';
import { attachIterator, type IteratorOptions } from './iterator.js';
import { attachKprobe } from './kprobe.js';
import { attachKprobeMulti } from './kprobe-multi.js';
import type { Link } from './link.js';
import type { LinkOrder } from './link-order.js';
import { attachLirc } from './lirc.js';
import { attachLwt, type LwtRoute } from './lwt.js';
import { attachNetfilter, type NetfilterOptions } from './netfilter.js';
import { attachNetkit } from './netkit.js';
import { attachNetns } from './netns.js';
import { attachPerfEvent, type PerfAttachOptions } from './perf-event.js';
import { attachRawTracepoint } from './raw-tracepoint.js';
import { attachReuseport, attachSocketFilter } from './socket.js';
import { attachSockmap } from './sockmap.js';
import { attachTc } from './tc.js';
import { attachTracepoint } from './tracepoint.js';
import { attachTracing } from './tracing.js';
import { attachUprobe } from './uprobe.js';
import { attachUprobeMulti } from './uprobe-multi.js';
import { attachXdp } from './xdp.js';

/** What a program's section leaves open, for {@link Program.attach}; each kind of program uses its own. */
export interface AttachOptions extends PerfAttachOptions, LinkOrder {
  /**
   * In the place of the target that the section names: a function, a tracepoint, `path:function` for uprobes, `path:provider:name` for static
   * probes.
   */
  readonly target?: string;
  /** kretprobe: how many calls are followed at the same time; see {@link attachKprobe}. */
  readonly maxactive?: number;
  /** uprobe, uretprobe, usdt, and those of many functions: only this process. */
  readonly pid?: number;
  /** cgroup programs and sockops: the folder of a cgroup v2, or an open descriptor of it. */
  readonly cgroup?: string | number;
  /** xdp, tc and netkit programs: the device's name or number. lirc_mode2: the path of the receiver. */
  readonly device?: string | number;
  /** xdp: see {@link attachXdp}. */
  readonly mode?: 'native' | 'generic';
  /** tc programs whose section does not say it. */
  readonly direction?: 'ingress' | 'egress';
  /** sk_lookup and flow_dissector: the path of a network namespace. Default: the calling thread's own. */
  readonly namespace?: string;
  /** perf_event: which event, and how often. */
  readonly event?: PerfEventOptions;
  /** socket, and sk_reuseport for its group: the descriptor of the socket. */
  readonly socket?: number;
  /** sk_msg and sk_skb: the sockmap or sockhash. */
  readonly map?: BpfMap;
  /** netfilter: which hook. */
  readonly netfilter?: NetfilterOptions;
  /** lwt_in, lwt_out and lwt_xmit: the route to add. */
  readonly route?: LwtRoute;
  /** iter: which objects. */
  readonly iterator?: IteratorOptions;
}

type Attach = (program: ProgramHandle, options: AttachOptions) => Link;

const kprobe: Attach = (program, { target, maxactive, cookie, features }) =>
  attachKprobe(program, target, { ...defined({ maxactive, cookie, features }) });

const kprobeMulti: Attach = (program, { target, cookie }) =>
  attachKprobeMulti(program, target, cookie === undefined ? {} : { cookies: [cookie] });

const uprobe: Attach = (program, { target, pid, cookie, features }) =>
  attachUprobe(target === undefined ? program : withTarget(program, target), undefined, {
    ...defined({ pid, cookie, features }),
  });

const tracing: Attach = (program) => attachTracing(program);

const tracepoint: Attach = (program, { target, cookie, features }) =>
  attachTracepoint(program, target, { ...defined({ cookie, features }) });

const rawTracepoint: Attach = (program, { target }) => attachRawTracepoint(program, target);

const xdp: Attach = (program, { device, mode, features }) =>
  attachXdp(program, needed(program, 'device', device), { ...defined({ mode, features }) });

const uprobeMulti: Attach = (program, { target, pid, cookie }) =>
  attachUprobeMulti(target === undefined ? program : withTarget(program, target), undefined, {
    ...defined({ pid, cookies: cookie === undefined ? undefined : [cookie] }),
  });

const usdt: Attach = (program, { target, pid, cookie, features }) =>
  attachUsdt(program, target === undefined ? undefined : usdtTarget(target), {
    ...defined({ pid, cookie, features }),
  });

const cgroup: Attach = (program, { cgroup: folder, position, expectedRevision, features }) =>
  attachCgroup(program, needed(program, 'cgroup', folder), {
    ...defined({ position, expectedRevision, features }),
  });

const sockmap: Attach = (program, { map, features }) =>
  attachSockmap(program, needed(program, 'map', map), { ...defined({ features }) });

const netkit: Attach = (program, { device, position, expectedRevision }) =>
  attachNetkit(program, needed(program, 'device', device), { ...defined({ position, expectedRevision }) });

const lwt: Attach = (program, { route }) => attachLwt(program, needed(program, 'route', route));

const netns: Attach = (program, { namespace }) => attachNetns(program, namespace);

const tc: Attach = (program, { device, direction, position, expectedRevision, features }) => {
  const named = /\/(ingress|egress)$/.exec(program.kind ?? '')?.[1] as 'ingress' | 'egress' | undefined;
  return attachTc(program, needed(program, 'device', device), {
    direction: needed(program, 'direction', direction ?? named),
    ...defined({ position, expectedRevision, features }),
  });
};

/** By the first part of the kind, without what follows a dot, unless the whole kind is listed. */
const kinds: ReadonlyMap<string, Attach> = new Map<string, Attach>([
  ...(['kprobe', 'kretprobe', 'ksyscall', 'kretsyscall'] as const).map((kind) => [kind, kprobe] as const),
  ...(['kprobe.multi', 'kretprobe.multi', 'kprobe.session'] as const).map(
    (kind) => [kind, kprobeMulti] as const,
  ),
  ...(['uprobe', 'uretprobe', 'uprobe.s', 'uretprobe.s'] as const).map((kind) => [kind, uprobe] as const),
  ...(['uprobe.multi', 'uretprobe.multi', 'uprobe.multi.s', 'uretprobe.multi.s'] as const).map(
    (kind) => [kind, uprobeMulti] as const,
  ),
  ...(['uprobe.session', 'uprobe.session.s'] as const).map((kind) => [kind, uprobeMulti] as const),
  ...(['usdt', 'usdt.s'] as const).map((kind) => [kind, usdt] as const),
  ...(['tracepoint', 'tp'] as const).map((kind) => [kind, tracepoint] as const),
  ...(['raw_tracepoint', 'raw_tp', 'raw_tracepoint.w', 'raw_tp.w'] as const).map(
    (kind) => [kind, rawTracepoint] as const,
  ),
  ...(['tp_btf', 'fentry', 'fexit', 'fmod_ret', 'fentry.s', 'fexit.s', 'fmod_ret.s'] as const).map(
    (kind) => [kind, tracing] as const,
  ),
  ...(['lsm', 'lsm.s', 'freplace'] as const).map((kind) => [kind, tracing] as const),
  ['lsm_cgroup', cgroup],
  ...(['iter', 'iter.s'] as const).map(
    (kind) => [kind, ((program, { iterator }) => attachIterator(program, iterator)) as Attach] as const,
  ),
  [
    'perf_event',
    (program, { event, cookie, features }) =>
      attachPerfEvent(program, needed(program, 'event', event), { ...defined({ cookie, features }) }),
  ],
  ['socket', (program, { socket }) => attachSocketFilter(program, needed(program, 'socket', socket))],
  ...(['xdp', 'xdp.frags'] as const).map((kind) => [kind, xdp] as const),
  ...(['tc', 'classifier', 'tc/ingress', 'tc/egress', 'tcx/ingress', 'tcx/egress'] as const).map(
    (kind) => [kind, tc] as const,
  ),
  ...(['netkit/primary', 'netkit/peer'] as const).map((kind) => [kind, netkit] as const),
  ...(['sk_msg', 'sk_skb', 'sk_skb/stream_parser', 'sk_skb/stream_verdict', 'sk_skb/verdict'] as const).map(
    (kind) => [kind, sockmap] as const,
  ),
  ...(['sk_reuseport', 'sk_reuseport/migrate'] as const).map(
    (kind) =>
      [
        kind,
        ((program, { socket }) => attachReuseport(program, needed(program, 'socket', socket))) as Attach,
      ] as const,
  ),
  [
    'netfilter',
    (program, { netfilter }) => attachNetfilter(program, needed(program, 'netfilter', netfilter)),
  ],
  ...(['lwt_in', 'lwt_out', 'lwt_xmit', 'lwt_seg6local'] as const).map((kind) => [kind, lwt] as const),
  ['lirc_mode2', (program, { device }) => attachLirc(program, String(needed(program, 'device', device)))],
  ['sockops', cgroup],
  ...(['sk_lookup', 'flow_dissector'] as const).map((kind) => [kind, netns] as const),
]);

/**
 * Attaches a program by its kind.
 * @throws as {@link Program.attach}.
 */
export function attachProgram(program: ProgramHandle, options: AttachOptions): Link {
  const { kind } = program;
  if (kind === undefined) {
    throw new EbpfError(
      `program ${program.name}: nothing says how it is attached (a ${programTypeName(program.type)} without a section's kind); use the function for its kind`,
    );
  }
  const attach = attachOf(kind);
  if (attach !== undefined) return attach(program, options);
  throw new EbpfError(`program ${program.name}: programs of section ${kind} are not attached by themselves`);
}

/** Whether {@link attachProgram} knows the program's kind. Options may be missing nevertheless. */
export function attachesBySection({ kind }: ProgramHandle): boolean {
  return kind !== undefined && attachOf(kind) !== undefined;
}

function attachOf(kind: string): Attach | undefined {
  return kinds.get(kind) ?? (/^cgroup(_skb)?\//.test(kind) ? cgroup : undefined);
}

function withTarget(program: ProgramHandle, attachTo: string): ProgramHandle {
  const { name, type, expectedAttachType, kind, usdt: specs, fd, id } = program;
  return {
    ...{ name, type, expectedAttachType, kind, attachTo, usdt: specs, fd, id },
    hold: () => program.hold(),
  };
}

function needed<T>(program: ProgramHandle, name: keyof AttachOptions, value: T | undefined): T {
  if (value !== undefined) return value;
  throw new OptionError(
    `program ${program.name} of section ${program.kind}: give the ${name}, attach({ ${name} })`,
  );
}

/** The members that have a value: options that are given as undefined are not given. */
function defined<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
