/** Ways to see which process accepts a connection. */
import { AcceptMode } from '../generated/tcp.js';

/** One way: a program of bpf/tcp.bpf.c on a function of the kernel. */
interface AcceptHookDefinition {
  /** Mechanism and function, as `weir doctor` prints it. `listener` has neither. */
  readonly name: `${'kprobe' | 'kretprobe' | 'fentry' | 'fexit' | 'breakpoint'}:${string}` | 'listener';
  /** The program that is attached. */
  readonly program?: string;
  /** How the other programs of the object treat connections that were not seen to be accepted. */
  readonly mode: AcceptMode;
  /** The loss that comes with this hook, in one sentence for the user. */
  readonly consequence?: string;
}

/** Best first. The last one needs no hook, so it is always available. */
const definitions = [
  // A trampoline's program is skipped while a preempted process is in the middle of it; a kprobe's cannot be preempted.
  {
    name: 'kprobe:security_sock_graft',
    program: 'graft_kprobe',
    mode: AcceptMode.ACCEPT_AT_GRAFT,
  },
  {
    name: 'fentry:security_sock_graft',
    program: 'graft_fentry',
    mode: AcceptMode.ACCEPT_AT_GRAFT,
    consequence:
      'under load, an accept can be missed while another process is preempted in the program; such accepts are counted',
  },
  {
    name: 'fexit:inet_csk_accept',
    program: 'accept_fexit',
    mode: AcceptMode.ACCEPT_AT_RETURN,
    consequence:
      'the accept of a process that slept in accept() before the start is reported when its connection closes',
  },
  {
    name: 'kretprobe:inet_csk_accept',
    program: 'accept_kretprobe',
    mode: AcceptMode.ACCEPT_AT_RETURN,
    consequence:
      'the accept of a process that slept in accept() before the start, or beyond 4,096 that sleep at a time, is reported when its connection closes; the probe of a tracer that was killed stays in tracefs until the next one starts',
  },
  {
    name: 'breakpoint:inet_csk_accept',
    program: 'accept_breakpoint',
    mode: AcceptMode.ACCEPT_AT_RETURN,
    consequence:
      'an accept() takes longer, on a virtual machine by some 11 µs; two of the four debug registers of each CPU are in use meanwhile; an accept that the breakpoint does not see is reported when its connection closes',
  },
  {
    name: 'listener',
    mode: AcceptMode.ACCEPT_BY_LISTENER,
    consequence:
      'accepts are reported when the handshake is over, with a process that holds the listening socket, which may be one of several; a filter by process goes by the one that called listen()',
  },
] as const satisfies readonly AcceptHookDefinition[];

/**
 * How the accepting process is found. `fentry` and `fexit` need BPF trampolines (Linux 5.5, on arm64 6.4), `breakpoint` needs
 * Linux 5.2 on x86-64, the others Linux 4.17. See `docs/architecture.md`.
 */
export type AcceptHook = (typeof definitions)[number]['name'];

export interface AcceptHookEntry extends AcceptHookDefinition {
  readonly name: AcceptHook;
}

/** All ways, best first. */
export const acceptHooks: readonly AcceptHookEntry[] = definitions;

/** The table's entry of a hook. */
export function acceptHookEntry(name: AcceptHook): AcceptHookEntry {
  return acceptHooks.find((hook) => hook.name === name)!;
}
