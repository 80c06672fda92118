/** What may keep this process from what the kernel has. Nothing is cached: privileges can change. */
import { existsSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { type CapabilityName, effectiveCapabilities } from './capabilities.js';
import { readSmallFile } from './files.js';
import { kernelAtLeast } from './kernel-version.js';
import { memlockLimit } from './memlock.js';
import { syscallRaw } from './syscalls.js';
import { usesToken } from './token-in-use.js';

/** Each is asked only when an answer depends on it. */
export interface Situation {
  /** The effective capabilities. */
  effective(): ReadonlySet<CapabilityName>;
  /** Whether this kernel knows CAP_BPF and CAP_PERFMON (5.8, and earlier ones with backports). */
  hasCapBpf(): boolean;
  /** Whether the capabilities count only inside a user namespace; undefined where it cannot be found out. */
  userNamespace(): boolean | undefined;
  /** kernel.unprivileged_bpf_disabled. */
  unprivilegedBpfDisabled(): string | undefined;
  /** `none`, `integrity`, `confidentiality`; undefined where it cannot be read. */
  lockdown(): string | undefined;
  /** Whether a seccomp filter watches this process's system calls. */
  seccomp(): boolean;
  /** Whether a BPF token is in use. */
  token?(): boolean;
  /** The limit on locked memory in bytes, on kernels that count BPF objects against it. */
  memlock(): bigint | undefined;
}

/** PROC_USER_INIT_INO (include/linux/proc_ns.h): the initial user namespace. */
const INITIAL_USER_NAMESPACE = 'user:[4026531837]';

/** include/uapi/linux/prctl.h. */
const PR_GET_SECCOMP = 21;

/** CAP_PERFMON is 38, CAP_BPF 39. */
const CAP_BPF = 39;

/** The situation of the calling thread. */
export const situation: Situation = {
  effective: effectiveCapabilities,
  hasCapBpf: () => {
    const last = lastCapability();
    return last === undefined ? kernelAtLeast('5.8') : last >= CAP_BPF;
  },
  userNamespace: inUserNamespace,
  unprivilegedBpfDisabled: () => readSmallFile('/proc/sys/kernel/unprivileged_bpf_disabled')?.trim(),
  lockdown: lockdownMode,
  seccomp: hasSeccompFilter,
  token: usesToken,
  memlock: () => (kernelAtLeast('5.11') ? undefined : memlockLimit()),
};

function inUserNamespace(): boolean | undefined {
  const folder = '/proc/thread-self/ns';
  try {
    return readlinkSync(`${folder}/user`) !== INITIAL_USER_NAMESPACE;
  } catch {
    // A kernel without user namespaces has the others.
    return existsSync(`${folder}/net`) ? false : undefined;
  }
}

/** Asks the kernel itself, for procfs may not be there. Only a filter refuses the question with another errno than EINVAL. */
function hasSeccompFilter(): boolean {
  const mode = syscallRaw('prctl', PR_GET_SECCOMP, 0, 0, 0, 0);
  return mode !== 0 && mode !== -constants.errno.EINVAL;
}

/** The highest capability that the kernel knows; undefined where it cannot be read. */
export function lastCapability(): number | undefined {
  const text = readSmallFile('/proc/sys/kernel/cap_last_cap');
  return text === undefined ? undefined : Number.parseInt(text, 10);
}

/** The kernel's lockdown mode (5.4), `none`, `integrity` or `confidentiality`; undefined where it cannot be read. */
export function lockdownMode(): string | undefined {
  return /\[(\w+)\]/.exec(readSmallFile('/sys/kernel/security/lockdown') ?? '')?.[1];
}
