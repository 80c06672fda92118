/** What keeps this process from something that the kernel refuses with EPERM, EACCES or ENOSYS. */
import { constants } from 'node:os';
import { errnoName } from '../errors.js';
import { type CapabilityName, missingCapabilities } from './capabilities.js';
import { type Situation, situation } from './situation.js';

/** An obstacle, with what to do about it. */
export interface Obstacle {
  readonly reason: string;
  readonly advice?: string;
  /** The capabilities that it takes and this process lacks. */
  readonly missing: readonly CapabilityName[];
}

/** The obstacle of a kernel that lets nobody look into its memory. */
export const LOCKED_DOWN: Obstacle = {
  reason: 'the kernel is locked down (confidentiality)',
  advice: 'boot with lockdown=integrity, or without lockdown',
  missing: [],
};

/** Only BPF tokens make capabilities of a user namespace count. */
const NAMESPACED: Obstacle = {
  reason: 'capabilities of a user namespace do not count',
  advice: 'run it outside of rootless containers, or by a BPF token (Linux 6.9)',
  missing: [],
};

const BEYOND_TOKEN: Obstacle = {
  reason: 'the BPF token does not delegate it',
  advice:
    'mount the BPF file system with more of delegate_cmds, delegate_maps, delegate_progs and delegate_attachs',
  missing: [],
};

/**
 * The privileges that this process lacks for something; undefined if it has them.
 * @param needs The capabilities that it takes on kernels which have all of them.
 */
export function privilegeObstacle(
  needs: readonly CapabilityName[],
  here: Situation = situation,
): Obstacle | undefined {
  const missing = missingNeeds(needs, here);
  if (missing.length > 0) {
    const sysctl = missing.includes('CAP_BPF') ? here.unprivilegedBpfDisabled() : undefined;
    const closed = sysctl === '1' || sysctl === '2';
    const why = closed ? ` (kernel.unprivileged_bpf_disabled is ${sysctl})` : '';
    return { reason: `needs ${list(missing)}`, missing, advice: adviceFor(missing) + why };
  }
  if (needs.length > 0 && here.userNamespace()) return here.token?.() === true ? BEYOND_TOKEN : NAMESPACED;
  return undefined;
}

/** Advice where capabilities are missing. */
export function adviceFor(missing: readonly CapabilityName[]): string {
  return `run it as root, or give it the ${missing.length === 1 ? 'capability' : 'capabilities'}`;
}

/** Needed capabilities that this process lacks. Kernels before CAP_BPF take CAP_SYS_ADMIN for it and CAP_PERFMON. */
function missingNeeds(needs: readonly CapabilityName[], here: Situation): CapabilityName[] {
  if (needs.length === 0) return [];
  const asked = here.hasCapBpf()
    ? needs
    : needs.map((name) => (name === 'CAP_BPF' || name === 'CAP_PERFMON' ? 'CAP_SYS_ADMIN' : name));
  return missingCapabilities([...new Set(asked)], here.effective());
}

/**
 * The likeliest obstacle behind a refusal of bpf(2) or perf_event_open(2).
 * @param errno EPERM or EACCES.
 */
export function refusal(
  errno: number,
  needs: readonly CapabilityName[],
  here: Situation = situation,
): Obstacle {
  const gap = privilegeObstacle(needs, here);
  if (gap !== undefined) return gap;
  if (here.lockdown() === 'confidentiality') return LOCKED_DOWN;
  const memlock = errno === constants.errno.EPERM ? here.memlock() : undefined;
  if (memlock !== undefined) {
    return {
      reason: `${errnoName(errno)}: RLIMIT_MEMLOCK is ${memlock} bytes`,
      advice: 'raise it (ulimit -l unlimited), or add CAP_SYS_RESOURCE',
      missing: [],
    };
  }
  if (here.seccomp()) return filtered(errno);
  if (needs.length > 0 && here.userNamespace() === undefined) {
    return {
      reason: `${errnoName(errno)}: a user namespace, a security module or another policy forbids it`,
      advice: 'mount procfs (mount -t proc proc /proc), without which it is not known which',
      missing: [],
    };
  }
  return { reason: `${errnoName(errno)}: a security module or another policy forbids it`, missing: [] };
}

/** The obstacle where a seccomp filter watches this process. */
export function filtered(errno: number): Obstacle {
  return {
    reason: `${errnoName(errno)}: a seccomp filter may forbid it`,
    advice: 'run it outside of the container',
    missing: [],
  };
}

/** What an error says behind its errno: the obstacle, and what to do about it. */
export function describeObstacle(obstacle: Obstacle): string {
  const { advice } = obstacle;
  return advice === undefined ? bareReason(obstacle) : `${bareReason(obstacle)}: ${advice}`;
}

/** The reason without the errno, where that stands before it already. */
export function bareReason({ reason }: Obstacle): string {
  return reason.replace(/^E[A-Z]+: /, '');
}

/** `A`, `A and B`, `A, B and C`. */
function list(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
