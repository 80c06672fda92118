/**
 * The meaning of an errno for what the kernel has. A refusal is an answer only to a process that may ask: to others the kernel
 * refuses what it has, with EPERM, but also with the EINVAL of a helper that it hides.
 */
import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { errnoName } from '../errors.js';
import type { CapabilityName } from '../sys/capabilities.js';
import { filtered, LOCKED_DOWN, type Obstacle, privilegeObstacle, refusal } from '../sys/obstacle.js';
import { type Situation, situation } from '../sys/situation.js';
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
  if (errno === EPERM || errno === EACCES) return unknownFor(refusal(errno, needs, here));
  if (isTransient(errno)) {
    return unknown(`${errnoName(errno)}: ${getSystemErrorMap().get(-errno)?.[1] ?? 'a passing failure'}`, {
      advice: 'try again',
      transient: true,
    });
  }
  if (errno === ENOSYS && here.seccomp()) return unknownFor(filtered(errno));
  return incapable(needs, here) ?? absent;
}

/** The reason why this process cannot find out what the kernel has; undefined if it can. */
export function incapable(
  needs: readonly CapabilityName[],
  here: Situation = situation,
): UnknownFeature | undefined {
  const gap = privilegeObstacle(needs, here);
  return gap && unknownFor(gap);
}

function unknownFor({ reason, ...more }: Obstacle): UnknownFeature {
  return unknown(reason, more);
}

/** The answer of a kernel that lets nobody look into its memory. */
export const lockedDown: UnknownFeature = unknownFor(LOCKED_DOWN);
