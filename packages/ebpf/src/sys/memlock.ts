/** RLIMIT_MEMLOCK, against which maps and programs counted before Linux 5.11. */
import { constants } from 'node:os';
import { SyscallError } from '../errors.js';
import { missingCapabilities } from './capabilities.js';
import { kernelAtLeast } from './kernel-version.js';
import { prlimit, type ResourceLimit, RLIM_INFINITY } from './rlimit.js';

const RLIMIT_MEMLOCK = 8;

/** RLIMIT_MEMLOCK of this process. */
export interface MemlockLimit {
  /** Whether this kernel counts BPF objects against the limit: those before 5.11, unless they have a backport. */
  readonly counted: boolean;
  /** The limit now in force, in bytes; `undefined` if there is none. */
  readonly bytes: bigint | undefined;
  /** Advice about a limit that could not be lifted; absent where nothing needs doing. */
  readonly advice?: string;
}

const prlimitMemlock = (limits?: ResourceLimit) => prlimit(RLIMIT_MEMLOCK, limits);

/** The soft limit now in force, in bytes; `undefined` if there is none. */
export function memlockLimit(): bigint | undefined {
  const limits = prlimitMemlock();
  if (typeof limits === 'number') throw new SyscallError('prlimit64(RLIMIT_MEMLOCK)', limits);
  return limits.soft === RLIM_INFINITY ? undefined : limits.soft;
}

/**
 * Lifts RLIMIT_MEMLOCK for this process on kernels where BPF objects count against it, as far as this process
 * may: to none with CAP_SYS_RESOURCE, else up to the hard limit. Does nothing on kernels since 5.11.
 *
 * @param force lifts it on any kernel.
 * @throws SyscallError
 */
export function raiseMemlock(force = false): MemlockLimit {
  const counted = !kernelAtLeast('5.11');
  if (!counted && !force) return { counted, bytes: memlockLimit() };
  const before = prlimitMemlock();
  if (typeof before === 'number') throw new SyscallError('prlimit64(RLIMIT_MEMLOCK)', before);
  if (before.soft === RLIM_INFINITY) return { counted, bytes: undefined };
  const lifted = prlimitMemlock({ soft: RLIM_INFINITY, hard: RLIM_INFINITY });
  if (typeof lifted === 'object') return { counted, bytes: undefined };
  if (lifted !== constants.errno.EPERM) throw new SyscallError('prlimit64(RLIMIT_MEMLOCK)', lifted);
  prlimitMemlock({ soft: before.hard, hard: before.hard });
  const bytes = memlockLimit();
  if (bytes === undefined) return { counted, bytes };
  const missing = missingCapabilities(['CAP_SYS_RESOURCE']).length > 0;
  return {
    counted,
    bytes,
    advice:
      `RLIMIT_MEMLOCK stays at ${bytes} bytes${missing ? ', for this process lacks CAP_SYS_RESOURCE' : ''}: ` +
      'raise it outside (ulimit -l unlimited, LimitMEMLOCK=infinity in a systemd unit, --ulimit memlock=-1 in Docker)',
  };
}
