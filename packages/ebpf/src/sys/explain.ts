/** The causes behind an errno of bpf(2), as far as this process can find out. */
import { constants } from 'node:os';
import { Command, commandSince } from '../uapi/commands.js';
import { missingCapabilities } from './capabilities.js';
import { readSmallFile } from './files.js';
import { kernelAtLeast } from './kernel-version.js';

const { EINVAL, ENOMEM, ENOSYS, EPERM } = constants.errno;

/** Commands that create something and therefore counted against RLIMIT_MEMLOCK before 5.11. */
const charged: ReadonlySet<number> = new Set([Command.mapCreate, Command.progLoad]);

/** Advice for a failed command, or `undefined` if there is none. */
export function explainBpfFailure(command: number, errno: number): string | undefined {
  switch (errno) {
    case EPERM:
      return explainPermission(command);
    case ENOMEM:
      return charged.has(command) && !kernelAtLeast('5.11') ? memlockAdvice : undefined;
    case ENOSYS:
      return 'this kernel was built without CONFIG_BPF_SYSCALL, or a seccomp filter blocks bpf(2)';
    case EINVAL:
      // An unknown command is refused before its arguments are looked at; the table of commands says which versions know which.
      return explainUnknownCommand(command);
    default:
      return undefined;
  }
}

const memlockAdvice =
  'before Linux 5.11, maps and programs count against RLIMIT_MEMLOCK: raise it (ulimit -l unlimited), or add CAP_SYS_RESOURCE';

function explainPermission(command: number): string | undefined {
  const modern = kernelAtLeast('5.8');
  const missing = missingCapabilities([modern ? 'CAP_BPF' : 'CAP_SYS_ADMIN']);
  if (missing.length > 0) {
    const disabled = readSmallFile('/proc/sys/kernel/unprivileged_bpf_disabled')?.trim();
    const need = modern ? 'needs CAP_BPF (or CAP_SYS_ADMIN)' : 'needs CAP_SYS_ADMIN';
    const sysctl =
      disabled === '1' || disabled === '2' ? ` and kernel.unprivileged_bpf_disabled is ${disabled}` : '';
    return `this process lacks a capability: it ${need}${sysctl}`;
  }
  if (inUserNamespace()) {
    return 'this process is in a user namespace, as in a rootless container: its capabilities do not count outside';
  }
  const lockdown = lockdownMode();
  if (lockdown === 'confidentiality') {
    return 'the kernel is locked down (confidentiality), which forbids programs that read kernel memory';
  }
  if (charged.has(command) && !kernelAtLeast('5.11')) return memlockAdvice;
  if (modern && command === Command.progLoad) {
    const more = missingCapabilities(['CAP_PERFMON', 'CAP_NET_ADMIN']);
    if (more.length > 0) {
      return `this process lacks ${more.join(' and ')}: tracing programs need CAP_PERFMON, network ones CAP_NET_ADMIN`;
    }
  }
  return undefined;
}

/** Whether user ids are mapped, which they are everywhere but in the initial user namespace. */
function inUserNamespace(): boolean {
  const map = readSmallFile('/proc/thread-self/uid_map');
  return map !== undefined && !/^\s*0\s+0\s+4294967295\s*$/.test(map);
}

/** The kernel's lockdown mode (5.4), `none`, `integrity` or `confidentiality`; undefined where it cannot be read. */
export function lockdownMode(): string | undefined {
  return /\[(\w+)\]/.exec(readSmallFile('/sys/kernel/security/lockdown') ?? '')?.[1];
}

function explainUnknownCommand(command: number): string | undefined {
  const since = commandSince(command);
  if (since === undefined || kernelAtLeast(since)) return undefined;
  return `this command exists since Linux ${since}`;
}
