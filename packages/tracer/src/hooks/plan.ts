/** Which hooks are used on a kernel, best first, and why. Pure: decided from facts that are handed in. */
import type { HookCandidate, HookChoice } from '../report.js';
import { type AcceptHook, acceptHookEntry, acceptHooks } from './accept-hooks.js';

/** What the choice depends on. */
export interface KernelFacts {
  /** Raw tracepoints (4.17). */
  readonly rawTracepoint: boolean;
  /** Programs that would run on a CPU where they run already are skipped (6.1 for those of raw tracepoints). */
  readonly skipsNested: boolean;
  /** Processes can be preempted in programs of raw tracepoints and of trampolines (6.13, with CONFIG_PREEMPT_LAZY). */
  readonly preemptible: boolean;
  /** The tracepoint's perf event can be opened: tracefs is mounted and readable. */
  readonly tracepointEvent: boolean;
  /** BPF trampolines on function entry and exit (5.5), really attachable: some kernels load but refuse them. */
  readonly fentry: boolean;
  /** kprobes through perf_event_open (4.17). */
  readonly kprobe: boolean;
  /** That this process may not open their perf events, though the kernel has them. */
  readonly kprobeDenied?: boolean;
  /** BPF iterators (5.8). */
  readonly iterators: boolean;
  /** Whether the kernel's types have a function, as fentry and fexit need. */
  hasTypedFunction(name: string): boolean;
  /** Whether the kernel has a function at all, as kprobes need. */
  hasFunction(name: string): boolean;
}

/** The hooks to attach. */
export interface HookPlan {
  /** The first of the two programs of the life cycle; see bpf/nesting.h. */
  readonly lifeCycle: 'raw_tracepoint' | 'tracepoint';
  /**
   * Whether the second one is attached. Where nothing is skipped it would have nothing to do; without the walk over
   * earlier sockets it could take a connection that has just ended for one of those.
   */
  readonly standIn: boolean;
  readonly accept: AcceptHook;
  /** Programs at the return of tcp_v4_connect and tcp_v6_connect: failures for which no packet was ever to be sent. */
  readonly connectErrors: readonly ('connect_v4_fexit' | 'connect_v6_fexit')[];
  /** The walk over sockets from before the start. */
  readonly seed: boolean;
  /** Ways to see file descriptors of watched processes, best first: the first available one is used. */
  readonly fds: readonly HookCandidate[];
}

const MISSING_FENTRY =
  'BPF trampolines can not be attached (Linux 5.5 and later, with CONFIG_FUNCTION_TRACER)';
const MISSING_KPROBE = 'there are no kprobes (CONFIG_KPROBES with CONFIG_KPROBE_EVENTS)';
const DENIED_KPROBE =
  'a kprobe takes CAP_SYS_ADMIN here, for kernel.perf_event_paranoid is above 2 (a patch of some distributions)';

type Mechanism = 'fentry' | 'fexit' | 'kprobe' | 'kretprobe';

function functionHook(facts: KernelFacts, mechanism: Mechanism, name: string): HookCandidate {
  const typed = mechanism === 'fentry' || mechanism === 'fexit';
  const denied = !typed && facts.kprobe && facts.kprobeDenied === true;
  const works = typed ? facts.fentry : facts.kprobe && !denied;
  const exists = works && (typed ? facts.hasTypedFunction(name) : facts.hasFunction(name));
  const reason = !works
    ? typed
      ? MISSING_FENTRY
      : denied
        ? DENIED_KPROBE
        : MISSING_KPROBE
    : exists
      ? `the kernel has the function and ${typed ? 'trampolines' : 'kprobes'}`
      : typed
        ? `the types in use name no function ${name}`
        : `this kernel has no function ${name}`;
  return { name: `${mechanism}:${name}`, available: exists, reason };
}

/** A hook on every connect() that would be skipped now and then would count losses where there are none. */
function connectHook(facts: KernelFacts, name: string): HookCandidate {
  const hook = functionHook(facts, 'fexit', name);
  if (!hook.available || !facts.preemptible) return hook;
  return {
    ...hook,
    available: false,
    reason: 'processes can be preempted in its program, which is then skipped for others',
  };
}

/** All ways to see accepts, best first. The last one is always there. */
function acceptCandidates(facts: KernelFacts): readonly HookCandidate[] {
  return acceptHooks.map(({ name }) => {
    if (name === 'listener') return { name, available: true, reason: 'needs no hook of its own' };
    const [mechanism, symbol] = name.split(':') as [Mechanism, string];
    return functionHook(facts, mechanism, symbol);
  });
}

const RAW_HOOK = 'raw_tracepoint:inet_sock_set_state';
const EVENT_HOOK = 'tracepoint:sock/inet_sock_set_state';

/** Ways to see changes of state, best first. */
function lifeCycleCandidates(facts: KernelFacts): readonly HookCandidate[] {
  const raw: HookCandidate = {
    name: RAW_HOOK,
    available: facts.rawTracepoint,
    reason: facts.rawTracepoint
      ? 'the kernel has raw tracepoints'
      : 'there are no raw tracepoints (Linux 4.17 and later)',
  };
  if (!facts.preemptible) return [raw];
  const event: HookCandidate = {
    name: EVENT_HOOK,
    available: facts.tracepointEvent && facts.rawTracepoint,
    reason: facts.tracepointEvent
      ? 'programs of raw tracepoints can be preempted since Linux 6.13, those of their perf events can not'
      : 'tracefs is not mounted, or not readable for this process',
  };
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
  const accepts = acceptCandidates(facts);
  const chosen = accepts.find(
    (candidate) => candidate.available && (wanted ?? candidate.name) === candidate.name,
  );
  const accept = (chosen?.name ?? 'listener') as AcceptHook;
  const ipv4Errors = connectHook(facts, 'tcp_v4_connect');
  // A kernel built without IPv6 has no tcp_v6_connect, and nothing to miss.
  const ipv6Errors = connectHook(facts, 'tcp_v6_connect');
  const connectErrors: HookPlan['connectErrors'][number][] = [];
  if (ipv4Errors.available) connectErrors.push('connect_v4_fexit');
  if (ipv6Errors.available) connectErrors.push('connect_v6_fexit');
  const lifeCycles = lifeCycleCandidates(facts);
  const lifeCycle = lifeCycles.find(({ available }) => available)?.name;
  const fds = fdCandidates(facts);
  const walk: HookCandidate = {
    name: 'iterator:task_file',
    available: facts.iterators,
    reason: facts.iterators
      ? 'the kernel has BPF iterators'
      : 'there are no BPF iterators (Linux 5.8 and later)',
  };
  return {
    plan: {
      lifeCycle: lifeCycle === EVENT_HOOK ? 'tracepoint' : 'raw_tracepoint',
      standIn: facts.skipsNested || facts.iterators,
      accept,
      connectErrors,
      seed: facts.iterators,
      fds,
    },
    choices: [
      choice(
        'life cycle of connections',
        lifeCycles,
        lifeCycle,
        'under load, a change of state can be missed while another process is preempted in the program; such are counted',
      ),
      choice('process that accepts', accepts, accept, acceptHookEntry(accept).consequence),
      choice(
        'connects that no route leads to',
        [ipv4Errors],
        undefined,
        'a connect() that fails at once, because no route leads to its peer, is not told',
      ),
      choice(
        'sockets from before the start',
        [walk],
        undefined,
        'the owner of a connection from before the start is only known if it is also the one that closes it',
      ),
      choice(
        'file descriptors of watched processes',
        fds,
        undefined,
        fds.some(({ available }) => available)
          ? undefined
          : 'the descriptors that a process gets can’t be told',
      ),
    ],
  };
}

function choice(
  purpose: string,
  candidates: readonly HookCandidate[],
  name = candidates.find((candidate) => candidate.available)?.name,
  consequence?: string,
): HookChoice {
  const best = name === candidates[0]?.name;
  return {
    purpose,
    candidates,
    ...(name === undefined ? {} : { chosen: name }),
    ...(best || consequence === undefined ? {} : { consequence }),
  };
}
