/**
 * The meaning of an errno for what the kernel has. A refusal is an answer only to a process that may ask: to others the kernel
 * refuses what it has, with EPERM, but also with the EINVAL of a helper that it hides.
 */
import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { errnoName } from '../errors.js';
import { type CapabilityName, missingCapabilities } from '../sys/capabilities.js';
import { type Situation, situation } from './situation.js';
import { absent, type ProbeResult, type UnknownFeature, unknown } from './state.js';

const { EACCES, EAGAIN, EBUSY, EINTR, EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC, ENOSYS, EPERM } =
  constants.errno;

/** Errnos of a moment, which say nothing about the kernel. */
const transientErrnos: ReadonlySet<number> = new Set([
  ...[EAGAIN, EBUSY, EINTR, EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC],
]);

/**
 * Whether an errno, a positive number, is one of a moment: too little memory, too many open files, a signal.
 */
export function isTransient(errno: number): boolean {
  return transientErrnos.has(errno);
}

/**
 * Whether an errno, a positive number, is about this process or this moment, and says nothing about the
 * kernel or what was handed to it.
 */
export function isInconclusive(errno: number): boolean {
  return isTransient(errno) || errno === EPERM || errno === EACCES;
}

/** Capabilities without which a refusal says nothing. Maps and BTF take the first list, programs the second. */
export const mapNeeds: readonly CapabilityName[] = ['CAP_BPF'];
export const programNeeds: readonly CapabilityName[] = ['CAP_BPF', 'CAP_PERFMON'];
export const networkNeeds: readonly CapabilityName[] = [...programNeeds, 'CAP_NET_ADMIN'];

/**
 * The answer in a refusal.
 * @param errno Positive.
 * @param needs The capabilities that the question takes on kernels which have all of them.
 */
export function judge(
  errno: number,
  needs: readonly CapabilityName[],
  here: Situation = situation,
): ProbeResult {
  if (errno === EPERM || errno === EACCES) return refusal(errno, needs, here);
  if (isTransient(errno)) {
    return unknown(`${errnoName(errno)}: ${getSystemErrorMap().get(-errno)?.[1] ?? 'a passing failure'}`, {
      advice: 'try again',
      transient: true,
    });
  }
  if (errno === ENOSYS && here.seccomp()) return filtered(errno);
  return incapable(needs, here) ?? absent;
}

/** The reason why this process cannot find out what the kernel has; undefined if it can. */
export function incapable(
  needs: readonly CapabilityName[],
  here: Situation = situation,
): UnknownFeature | undefined {
  const missing = missingNeeds(needs, here);
  if (missing.length > 0) {
    const sysctl = missing.includes('CAP_BPF') ? here.unprivilegedBpfDisabled() : undefined;
    const closed = sysctl === '1' || sysctl === '2';
    const why = closed ? ` (kernel.unprivileged_bpf_disabled is ${sysctl})` : '';
    return unknown(`needs ${list(missing)}`, { missing, advice: adviceFor(missing) + why });
  }
  if (needs.length > 0 && here.userNamespace()) {
    return unknown('capabilities of a user namespace do not count', {
      advice: 'run it outside of rootless containers',
    });
  }
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

function refusal(errno: number, needs: readonly CapabilityName[], here: Situation): UnknownFeature {
  const reason = incapable(needs, here);
  if (reason !== undefined) return reason;
  if (here.lockdown() === 'confidentiality') return lockedDown;
  const memlock = errno === EPERM ? here.memlock() : undefined;
  if (memlock !== undefined) {
    return unknown(`${errnoName(errno)}: RLIMIT_MEMLOCK is ${memlock} bytes`, {
      advice: 'raise it (ulimit -l unlimited), or add CAP_SYS_RESOURCE',
    });
  }
  if (here.seccomp()) return filtered(errno);
  return unknown(`${errnoName(errno)}: a security module or another policy forbids it`);
}

function filtered(errno: number): UnknownFeature {
  return unknown(`${errnoName(errno)}: a seccomp filter may forbid it`, {
    advice: 'run it outside of the container',
  });
}

/** The answer of a kernel that lets nobody look into its memory. */
export const lockedDown: UnknownFeature = unknown('the kernel is locked down (confidentiality)', {
  advice: 'boot with lockdown=integrity, or without lockdown',
});

/** `A`, `A and B`, `A, B and C`. */
function list(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
