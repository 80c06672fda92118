/** Which hooks are used on a kernel, best first, and why. Pure: decided from facts that are handed in. */
import type { ProbeResult } from '@weir/ebpf';
import { allOf, known } from '@weir/ebpf/sys';
import type { HookCandidate, HookChoice } from '../report.js';
import { type AcceptHook, acceptHookEntry, acceptHooks } from './accept-hooks.js';
import { chooseHook, hookCandidate, hookChoice, type Undecided } from './choose-hook.js';

/** What the choice depends on. */
export interface KernelFacts {
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
  /** Whether the kernel's types have a function, as fentry and fexit need. */
  hasTypedFunction(name: string): boolean;
  /** Whether the kernel has a function at all, as kprobes need. */
  probeFunction(name: string): ProbeResult;
}

/** The hooks to attach. */
export interface HookPlan {
  /** The first of the two programs of the life cycle; see bpf/nesting.h. */
  readonly lifeCycle: 'raw_tracepoint' | 'tracepoint';
  /**
   * Whether the second one is attached. Where nothing is skipped it would have nothing to do; without the walk over
   * earlier sockets it could take a connection that has just ended for one of those.
   */
  readonly nestedFallback: boolean;
  readonly accept: AcceptHook;
  /** Programs at the return of tcp_v4_connect and tcp_v6_connect: failures for which no packet was ever to be sent. */
  readonly connectErrors: readonly ('connect_v4_fexit' | 'connect_v6_fexit')[];
  /** The walk over sockets from before the start. */
  readonly existingSockets: boolean;
  /** Ways to see file descriptors of watched processes, best first: the first available one is used. */
  readonly fds: readonly HookCandidate[];
  /** Something that may turn out to be there at the next try: then the plan is not to be followed. */
  readonly undecided?: Undecided;
}

const MISSING_FENTRY =
  'BPF trampolines can not be attached (Linux 5.5 and later, with CONFIG_FUNCTION_TRACER)';
const MISSING_KPROBE = 'there are no kprobes (CONFIG_KPROBES with CONFIG_KPROBE_EVENTS)';

type Mechanism = 'fentry' | 'fexit' | 'kprobe' | 'kretprobe';

function functionHook(facts: KernelFacts, mechanism: Mechanism, name: string): HookCandidate {
  const typed = mechanism === 'fentry' || mechanism === 'fexit';
  const means = typed ? facts.fentry : facts.kprobe;
  const answer = allOf(
    () => means,
    () => (typed ? known(facts.hasTypedFunction(name)) : facts.probeFunction(name)),
  );
  const lacksFunction = typed
    ? `the types in use name no function ${name}`
    : `this kernel has no function ${name}`;
  return hookCandidate(`${mechanism}:${name}`, answer, {
    present: `the kernel has the function and ${typed ? 'trampolines' : 'kprobes'}`,
    absent: means.state === 'present' ? lacksFunction : typed ? MISSING_FENTRY : MISSING_KPROBE,
  });
}

/** A hook on every connect() that would be skipped now and then would count losses where there are none. */
function connectHook(facts: KernelFacts, name: string): HookCandidate {
  const hook = functionHook(facts, 'fexit', name);
  if (hook.state !== 'present' || !facts.preemptible) return hook;
  return {
    ...hook,
    state: 'absent',
    reason: 'processes can be preempted in its program, which is then skipped for others',
  };
}

/** All ways to see accepts, best first. The last one is always there. */
function acceptCandidates(facts: KernelFacts): readonly HookCandidate[] {
  return acceptHooks.map(({ name }) => {
    if (name === 'listener') return { name, state: 'present', reason: 'needs no hook of its own' };
    const [mechanism, symbol] = name.split(':') as [Mechanism, string];
    return functionHook(facts, mechanism, symbol);
  });
}

const RAW_HOOK = 'raw_tracepoint:inet_sock_set_state';
const EVENT_HOOK = 'tracepoint:sock/inet_sock_set_state';

/** Ways to see changes of state, best first. */
function lifeCycleCandidates(facts: KernelFacts): readonly HookCandidate[] {
  const raw = hookCandidate(RAW_HOOK, facts.rawTracepoint, {
    present: 'the kernel has raw tracepoints',
    absent: 'there are no raw tracepoints (Linux 4.17 and later)',
  });
  if (!facts.preemptible) return [raw];
  const eventState = allOf(
    () => facts.rawTracepoint,
    () => facts.tracepointEvent,
  );
  const event = hookCandidate(EVENT_HOOK, eventState, {
    present:
      'programs of raw tracepoints can be preempted since Linux 6.13, those of their perf events can not',
    absent: 'there is no tracepoint sock/inet_sock_set_state (Linux 4.16 and later)',
  });
  return [event, raw];
}

/** Ways to see the descriptors that a process gets, best first. Only attached while a process is watched. */
function fdCandidates(facts: KernelFacts): readonly HookCandidate[] {
  const fentry = functionHook(facts, 'fentry', 'fd_install');
  const kprobe = functionHook(facts, 'kprobe', 'fd_install');
  // A kprobe costs more, but no other process can come in the middle of its program.
  return facts.preemptible ? [kprobe, fentry] : [fentry, kprobe];
}

/** @param wanted Insists on one way to see accepts. */
export function planHooks(
  facts: KernelFacts,
  wanted?: AcceptHook,
): { readonly plan: HookPlan; readonly choices: readonly HookChoice[] } {
  const choose = (candidates: readonly HookCandidate[]) => chooseHook(candidates, facts.rawTracepoint);
  const lifeCycles = lifeCycleCandidates(facts);
  const accepts = acceptCandidates(facts);
  const fds = fdCandidates(facts);
  const ipv4Errors = connectHook(facts, 'tcp_v4_connect');
  // A kernel built without IPv6 has no tcp_v6_connect, and nothing to miss.
  const ipv6Errors = connectHook(facts, 'tcp_v6_connect');
  const walk = hookCandidate('iterator:task_file', facts.iterators, {
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
      lifeCycle: made.lifeCycle.chosen?.name === EVENT_HOOK ? 'tracepoint' : 'raw_tracepoint',
      nestedFallback: facts.skipsNested || existingSockets,
      accept,
      connectErrors,
      existingSockets,
      fds,
      ...(undecided !== undefined && { undecided }),
    },
    choices: [
      hookChoice(
        'life cycle of connections',
        lifeCycles,
        made.lifeCycle,
        'under load, a change of state can be missed while another process is preempted in the program; such are counted',
      ),
      hookChoice('process that accepts', accepts, made.accept, acceptHookEntry(accept).consequence),
      hookChoice(
        'connects that no route leads to',
        [ipv4Errors],
        made.connectErrors,
        'a connect() that fails at once, because no route leads to its peer, is not told',
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
          : 'the descriptors that a process gets can’t be told',
      ),
    ],
  };
}
