/** The capabilities of this process. Bits: include/uapi/linux/capability.h. */
import { type Arena, createArena } from './arena.js';
import { readSmallFile } from './files.js';
import { syscallRaw } from './syscalls.js';

/** _LINUX_CAPABILITY_VERSION_3: two words for each set. */
export const CAPABILITY_VERSION = 0x20080522;
export const CAPABILITY_HEADER_LENGTH = 8;
export const CAPABILITY_DATA_LENGTH = 24;

let arena: Arena | undefined;

/** Capabilities in the order of their bits. CAP_PERFMON and CAP_BPF exist since 5.8. */
const names = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_LINUX_IMMUTABLE',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_MKNOD',
  'CAP_LEASE',
  'CAP_AUDIT_WRITE',
  'CAP_AUDIT_CONTROL',
  'CAP_SETFCAP',
  'CAP_MAC_OVERRIDE',
  'CAP_MAC_ADMIN',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
  'CAP_BLOCK_SUSPEND',
  'CAP_AUDIT_READ',
  'CAP_PERFMON',
  'CAP_BPF',
  'CAP_CHECKPOINT_RESTORE',
] as const;

/** Name of a capability, as capabilities(7) has it. */
export type CapabilityName = (typeof names)[number];

/** The capabilities in a mask as /proc/PID/status prints it, 16 hexadecimal digits. Unknown bits are ignored. */
export function parseCapabilityMask(hex: string): Set<CapabilityName> {
  const mask = BigInt(`0x${hex}`);
  return new Set(names.filter((_, bit) => ((mask >> BigInt(bit)) & 1n) === 1n));
}

/** The mask of capabilities, a bit for each. */
export function capabilityMask(wanted: readonly CapabilityName[]): bigint {
  return wanted.reduce((mask, name) => mask | (1n << BigInt(names.indexOf(name))), 0n);
}

/** The capabilities in force for the calling thread, asked of the kernel itself where procfs cannot be read. */
export function effectiveCapabilities(): Set<CapabilityName> {
  const status = readSmallFile('/proc/thread-self/status');
  const mask = status === undefined ? undefined : /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return parseCapabilityMask(mask ?? effectiveMask());
}

/** The mask of capget(2) for the calling thread, in hexadecimal digits. */
function effectiveMask(): string {
  arena ??= createArena(CAPABILITY_HEADER_LENGTH + CAPABILITY_DATA_LENGTH);
  const { address, view } = arena;
  view.setUint32(0, CAPABILITY_VERSION, true);
  view.setUint32(4, 0, true);
  // A seccomp filter can refuse even this: then none is known to be there.
  if (syscallRaw('capget', address, address + CAPABILITY_HEADER_LENGTH) < 0) return '0';
  // Two structures of effective, permitted and inheritable, the low words first.
  const low = view.getUint32(CAPABILITY_HEADER_LENGTH, true);
  const high = view.getUint32(CAPABILITY_HEADER_LENGTH + CAPABILITY_DATA_LENGTH / 2, true);
  return ((BigInt(high) << 32n) | BigInt(low)).toString(16);
}

/**
 * Which of the needed capabilities are missing. Where CAP_BPF, CAP_PERFMON or CAP_NET_ADMIN guard a BPF operation,
 * CAP_SYS_ADMIN serves in their place, except for CAP_NET_ADMIN; CAP_SYS_ADMIN is also what a kernel before 5.8 asks
 * for instead of the first two.
 */
export function missingCapabilities(
  needed: readonly CapabilityName[],
  effective: ReadonlySet<CapabilityName> = effectiveCapabilities(),
): CapabilityName[] {
  const admin = effective.has('CAP_SYS_ADMIN');
  return needed.filter(
    (name) => !effective.has(name) && !(admin && (name === 'CAP_BPF' || name === 'CAP_PERFMON')),
  );
}
