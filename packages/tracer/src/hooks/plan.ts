/** Chooses the hooks for a kernel, and says why. Pure: it decides by the kernel's features, which are handed in. */
import type { ProbeResult } from '@weir/ebpf';
import { allOf, known } from '@weir/ebpf/sys';
import type { HookCandidate, HookChoice } from '../report.js';
import type { BreakpointProbe } from './accept-breakpoint.js';
import { type AcceptHook, acceptHookEntry, acceptHooks } from './accept-hooks.js';
import type { AcceptBreakpoint } from './accept-place.js';
import { chooseHook, hookCandidate, hookChoice, type Undecided } from './choose-hook.js';

/** Features of the kernel on which the choice depends. */
export interface KernelFeatures {
  /** Raw tracepoints (4.17). */
  readonly rawTracepoint: ProbeResult;
  /** Programs that would run on a CPU where they run already are skipped (6.1 for those of raw tracepoints). */
  readonly skipsNested: boolean;
  /** Processes can be preempted in programs of raw tracepoints and of trampolines (6.13, with CONFIG_PREEMPT_LAZY). */
  readonly preemptible: boolean;
  /** The tracepoint's perf event can be opened: tracefs is mounted and readable. */
  readonly tracepointEvent: ProbeResult;
  /** BPF trampolines on function entry and exit (5.5), really attachable: some kernels load but refuse them. */
  readonly fentry: ProbeResult;
  /** kprobes, whose perf events this process may open. */
  readonly kprobe: ProbeResult;
  /** BPF iterators (5.8). */
  readonly iterators: ProbeResult;
  /** Iterators over the elements of a map (5.9). */
  readonly mapIterator: boolean;
  /** Whether a hardware breakpoint sees accept(). It is found out by trying, and only when asked. */
  acceptBreakpoint(): BreakpointProbe;
  /** Whether the kernel's types have a function, as fentry and fexit need. */
  hasTypedFunction(name: string): boolean;
  /** Whether the kernel has a function at all, as kprobes need. */
  probeFunction(name: string): ProbeResult;
}

/** The hooks to attach. */
export interface HookPlan {
  /** The first of the two programs of the lifecycle; see bpf/nesting.h. */
  readonly lifeCycle: 'raw_tracepoint' | 'tracepoint';
  /**
   * Whether the second program is attached. Where no program is skipped it has nothing to do; without the walk over
   * existing sockets it could mistake a connection that has just ended for one from before the start.
   */
  readonly nestedFallback: boolean;
  readonly accept: AcceptHook;
  /** Where accept() is seen by a breakpoint. */
  readonly breakpoint?: AcceptBreakpoint;
  /** Programs at the return of tcp_v4_connect and tcp_v6_connect: connects that fail before a packet is sent. */
  readonly connectErrors: readonly ('connect_v4_fexit' | 'connect_v6_fexit')[];
  /** The walk over sockets from before the start. */
  readonly existingSockets: boolean;
  /** The look for ends that no program saw. */
  readonly closedFlows: boolean;
  /** Ways to see file descriptors of watched processes, best first: the first available one is used. */
  readonly fds: readonly HookCandidate[];
  /** A feature that may turn out to be present at the next try; the plan must not be used then. */
  readonly undecided?: Undecided;
}

const missingFentry =
  'BPF trampolines cannot be attached (Linux 5.5 and later, on arm64 6.4, with CONFIG_FUNCTION_TRACER and CONFIG_DEBUG_INFO_BTF)';
const missingKprobe = 'there are no kprobes (CONFIG_KPROBES with CONFIG_KPROBE_EVENTS)';

type Mechanism = 'fentry' | 'fexit' | 'kprobe' | 'kretprobe';

function functionHook(kernel: KernelFeatures, mechanism: Mechanism, name: string): HookCandidate {
  const typed = mechanism === 'fentry' || mechanism === 'fexit';
  const means = typed ? kernel.fentry : kernel.kprobe;
  const answer = allOf(
    () => means,
    () => (typed ? known(kernel.hasTypedFunction(name)) : kernel.probeFunction(name)),
  );
  const lacksFunction = typed
    ? `the types in use name no function ${name}`
    : `this kernel has no function ${name}`;
  return hookCandidate(`${mechanism}:${name}`, answer, {
    present: `the kernel has the function and ${typed ? 'trampolines' : 'kprobes'}`,
    absent: means.state === 'present' ? lacksFunction : typed ? missingFentry : missingKprobe,
  });
}

/** Does not use a hook on every connect() that would be skipped now and then: it would count losses where there are none. */
function connectHook(kernel: KernelFeatures, name: string): HookCandidate {
  const hook = functionHook(kernel, 'fexit', name);
  if (hook.state !== 'present' || !kernel.preemptible) return hook;
  return {
    ...hook,
    state: 'absent',
    reason: 'processes can be preempted in its program, which is then skipped for others',
  };
}

/** Trying this costs some milliseconds, so it is left out where a better hook is there, unless all are asked for. */
function breakpointHook(name: string, { answer, reason }: BreakpointProbe): HookCandidate {
  return hookCandidate(name, answer, {
    present: 'an accept() that was tried was seen',
    absent: reason ?? 'an accept() that was tried was not seen',
  });
}

/** All ways to see accepts, best first. The last one is always there. */
function acceptCandidates(
  kernel: KernelFeatures,
  wanted: AcceptHook | undefined,
  all: boolean,
): { readonly candidates: readonly HookCandidate[]; readonly breakpoint?: AcceptBreakpoint } {
  const candidates: HookCandidate[] = [];
  let breakpoint: AcceptBreakpoint | undefined;
  for (const { name } of acceptHooks) {
    const [mechanism, symbol] = name.split(':') as [Mechanism | 'breakpoint', string];
    if (name === 'listener') {
      candidates.push({ name, state: 'present', reason: 'needs no hook of its own' });
    } else if (mechanism !== 'breakpoint') {
      candidates.push(functionHook(kernel, mechanism, symbol));
    } else if (all || name === wanted || !candidates.some(({ state }) => state === 'present')) {
      const probe = kernel.acceptBreakpoint();
      ({ breakpoint } = probe);
      candidates.push(breakpointHook(name, probe));
    }
  }
  return { candidates, ...(breakpoint !== undefined && { breakpoint }) };
}

const rawHook = 'raw_tracepoint:inet_sock_set_state';
const eventHook = 'tracepoint:sock/inet_sock_set_state';

/** Ways to see changes of state, best first. */
function lifeCycleCandidates(kernel: KernelFeatures): readonly HookCandidate[] {
  const raw = hookCandidate(rawHook, kernel.rawTracepoint, {
    present: 'the kernel has raw tracepoints',
    absent: 'there are no raw tracepoints (Linux 4.17 and later)',
  });
  if (!kernel.preemptible) return [raw];
  const eventState = allOf(
    () => kernel.rawTracepoint,
    () => kernel.tracepointEvent,
  );
  const event = hookCandidate(eventHook, eventState, {
    present:
      'programs of raw tracepoints can be preempted since Linux 6.13, those of their perf events cannot',
    absent: 'there is no tracepoint sock/inet_sock_set_state (Linux 4.16 and later)',
  });
  return [event, raw];
}

/** Ways to see the descriptors that a process gets, best first. Only attached while a process is watched. */
function fdCandidates(kernel: KernelFeatures): readonly HookCandidate[] {
  const fentry = functionHook(kernel, 'fentry', 'fd_install');
  const kprobe = functionHook(kernel, 'kprobe', 'fd_install');
  // A kprobe costs more, but its program cannot be preempted.
  return kernel.preemptible ? [kprobe, fentry] : [fentry, kprobe];
}

/**
 * @param wanted Requires one way to see accepts.
 * @param all Reports also on ways that take a while to try, when a better one is there.
 */
export function planHooks(
  kernel: KernelFeatures,
  wanted?: AcceptHook,
  all = false,
): { readonly plan: HookPlan; readonly choices: readonly HookChoice[] } {
  const choose = (candidates: readonly HookCandidate[]) => chooseHook(candidates, kernel.rawTracepoint);
  const lifeCycles = lifeCycleCandidates(kernel);
  const { candidates: accepts, breakpoint } = acceptCandidates(kernel, wanted, all);
  const fds = fdCandidates(kernel);
  const ipv4Errors = connectHook(kernel, 'tcp_v4_connect');
  // A kernel built without IPv6 has no tcp_v6_connect, and nothing to miss.
  const ipv6Errors = connectHook(kernel, 'tcp_v6_connect');
  const walk = hookCandidate('iterator:task_file', kernel.iterators, {
    present: 'the kernel has BPF iterators',
    absent: 'there are no BPF iterators (Linux 5.8 and later)',
  });
  const made = {
    lifeCycle: choose(lifeCycles),
    accept: choose(wanted === undefined ? accepts : accepts.filter(({ name }) => name === wanted)),
    connectErrors: choose([ipv4Errors]),
    walk: choose([walk]),
  };
  const accept = (made.accept.chosen?.name ?? 'listener') as AcceptHook;
  const connectErrors: HookPlan['connectErrors'][number][] = [];
  if (ipv4Errors.state === 'present') connectErrors.push('connect_v4_fexit');
  if (ipv6Errors.state === 'present') connectErrors.push('connect_v6_fexit');
  const undecided = Object.values(made).find((choice) => choice.undecided)?.undecided;
  const existingSockets = walk.state === 'present';
  return {
    plan: {
      lifeCycle: made.lifeCycle.chosen?.name === eventHook ? 'tracepoint' : 'raw_tracepoint',
      nestedFallback: kernel.skipsNested || existingSockets,
      accept,
      ...(breakpoint !== undefined && { breakpoint }),
      connectErrors,
      existingSockets,
      closedFlows: existingSockets && kernel.mapIterator,
      fds,
      ...(undecided !== undefined && { undecided }),
    },
    choices: [
      hookChoice(
        'lifecycle of connections',
        lifeCycles,
        made.lifeCycle,
        'under load, a change of state can be missed while another process is preempted in the program; such changes are counted',
      ),
      hookChoice('process that accepts', accepts, made.accept, acceptHookEntry(accept).consequence),
      hookChoice(
        'connects that no route leads to',
        [ipv4Errors],
        made.connectErrors,
        'a connect() that fails at once, because no route leads to its peer, is not reported',
      ),
      hookChoice(
        'sockets from before the start',
        [walk],
        made.walk,
        'the owner of a connection from before the start is only known if it is also the one that closes it',
      ),
      hookChoice(
        'file descriptors of watched processes',
        fds,
        choose(fds),
        fds.some(({ state }) => state === 'present')
          ? undefined
          : 'the descriptors that a process gets cannot be reported',
      ),
    ],
  };
}
