/** Gives capabilities up (capset(2), prctl(2)). */
import { type Arena, createArena } from './arena.js';
import {
  CAPABILITY_DATA_LENGTH,
  CAPABILITY_HEADER_LENGTH,
  CAPABILITY_VERSION,
  type CapabilityName,
  capabilityMask,
  effectiveCapabilities,
} from './capabilities.js';
import { syscall, syscallRaw } from './syscalls.js';

const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
/** The kernel has at most so many. */
const MAX_CAPABILITIES = 64;

let arena: Arena | undefined;

/**
 * Gives up all capabilities of the calling thread but some, for good: also those that a program which it executes could get.
 * Threads that it starts later inherit the limit; for threads that are there already, see `stripOtherThreads()`.
 *
 * @param keep Capabilities to keep, as far as the thread has them.
 * @returns those that it has now.
 * @throws SyscallError
 */
export function limitCapabilities(keep: readonly CapabilityName[]): Set<CapabilityName> {
  const kept = keep.filter((name) => effectiveCapabilities().has(name));
  const mask = capabilityMask(kept);
  for (let bit = 0; bit < MAX_CAPABILITIES; bit++) {
    // EINVAL where there is no such capability, EPERM where CAP_SETPCAP is missing: then the bounding set stays.
    if (((mask >> BigInt(bit)) & 1n) === 0n) syscallRaw('prctl', PR_CAPBSET_DROP, bit, 0, 0, 0);
  }
  arena ??= createArena(CAPABILITY_HEADER_LENGTH + CAPABILITY_DATA_LENGTH);
  const { address, view } = arena;
  view.setUint32(0, CAPABILITY_VERSION, true);
  view.setUint32(4, 0, true);
  for (const [word, shift] of [0n, 32n].entries()) {
    const half = Number((mask >> shift) & 0xffff_ffffn);
    const at = CAPABILITY_HEADER_LENGTH + word * 12;
    // Effective, permitted, inheritable.
    view.setUint32(at, half, true);
    view.setUint32(at + 4, half, true);
    view.setUint32(at + 8, 0, true);
  }
  syscall('capset', address, address + CAPABILITY_HEADER_LENGTH);
  refuseNewPrivileges();
  return new Set(kept);
}

/**
 * Has no program that the calling thread executes gain privileges, for good (`no_new_privs`): set-user-id programs run as whoever
 * runs them. What it starts later inherits that.
 *
 * @throws SyscallError
 */
export function refuseNewPrivileges(): void {
  syscall('prctl', PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}
