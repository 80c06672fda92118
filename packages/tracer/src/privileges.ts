/** The privileges that this process needs, and whether it has them. */
import { EbpfError } from '@weir/ebpf';
import {
  bpfDenial,
  type CapabilityName,
  limitCapabilities,
  lockdownMode,
  missingCapabilities,
  situation,
  stripOtherThreads,
} from '@weir/ebpf/sys';
import type { Problem } from './report.js';

export interface CapabilityNeed {
  readonly name: CapabilityName;
  readonly present: boolean;
  readonly for: string;
}

/** The capabilities that tracing needs. On kernels without them (before 5.8), CAP_SYS_ADMIN covers both. */
export function capabilityNeeds(): readonly CapabilityNeed[] {
  const needs: readonly (readonly [CapabilityName, string])[] = situation.hasCapBpf()
    ? [
        ['CAP_BPF', 'creating maps and loading programs'],
        ['CAP_PERFMON', 'programs that read kernel memory'],
      ]
    : [['CAP_SYS_ADMIN', 'loading and attaching programs']];
  return needs.map(([name, purpose]) => ({
    name,
    present: missingCapabilities([name]).length === 0,
    for: purpose,
  }));
}

/**
 * The missing privileges that keep this process from tracing, whatever the kernel offers. They are checked first: for a
 * process that may not try anything, a kernel seems to have nothing.
 */
export function privilegeProblems(): Problem[] {
  const problems: Problem[] = [];
  const missing = capabilityNeeds()
    .filter(({ present }) => !present)
    .map(({ name }) => name);
  if (missing.length > 0) {
    problems.push({
      what: `this process lacks ${missing.join(' and ')}`,
      advice: `run it as root, or give it the capabilities: setpriv, systemd's AmbientCapabilities=, or capsh`,
    });
  }
  if (lockdownMode() === 'confidentiality') {
    problems.push({
      what: 'the kernel is locked down (confidentiality): programs may not read kernel memory',
      advice: 'boot with lockdown=integrity, or without lockdown',
    });
  }
  return problems.length > 0 ? problems : denials();
}

/** Problems where bpf(2) is denied despite all capabilities: by a user namespace, a seccomp filter or a security module. */
function denials(): Problem[] {
  const denial = bpfDenial();
  if (denial === undefined) return [];
  return [
    {
      what: denial.reason,
      advice: denial.advice ?? 'run it outside of containers, with the privileges of root',
    },
  ];
}

/** What a running tracer still needs, and for what. */
const runningNeeds: Readonly<Partial<Record<CapabilityName, string>>> = {
  CAP_BPF: 'reading maps',
  CAP_PERFMON: 'rings and breakpoints of CPUs that come online',
  CAP_SYS_ADMIN: 'sockets and interfaces of other network namespaces; everything before 5.8',
  CAP_SYS_PTRACE: "owners of sockets among other users' processes",
  CAP_NET_ADMIN: 'what socket diagnosis shows of MPTCP',
  CAP_DAC_READ_SEARCH: "container runtimes' files",
  CAP_IPC_LOCK: 'memory of rings of CPUs that come online',
};

/** Options of {@link dropPrivileges}. */
export interface DropOptions {
  /** Capabilities that the program needs besides. */
  readonly alsoKeep?: readonly CapabilityName[];
  /**
   * Whether other threads lose theirs. Default true; false for a program that starts others as another user: a process whose threads are
   * stripped keeps its capabilities across a change of the user, and those that it executes do, too.
   */
  readonly otherThreads?: boolean;
}

/**
 * Gives up, for good, all capabilities of the calling thread that a running tracer does not need: to load modules, to change
 * files or users, to reboot, and so on. For a program that only traces, once its tracer and its live connections have started. Other threads
 * that Node.js has started lose all, and become those of a user that nobody is, where this process is root's: asynchronous
 * calls do not open what only root may read. For another user's process, they keep what they have.
 *
 * @returns the capabilities that are left.
 * @throws SyscallError
 */
export function dropPrivileges({
  alsoKeep = [],
  otherThreads = true,
}: DropOptions = {}): ReadonlySet<CapabilityName> {
  if (otherThreads) stripOtherThreads();
  return limitCapabilities([...(Object.keys(runningNeeds) as CapabilityName[]), ...alsoKeep]);
}

/**
 * Whether this process may trace, asked before anything is prepared for it. `Tracer.start()` asks, too.
 *
 * @throws EbpfError that names the missing privilege, and what to do
 */
export function assertPrivileges(): void {
  const [problem] = privilegeProblems();
  if (problem !== undefined) throw new EbpfError(`${problem.what}: ${problem.advice}`);
}
