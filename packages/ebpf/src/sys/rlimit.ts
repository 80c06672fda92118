/** Limits of this process: prlimit64(2). */
import { SyscallError } from '../errors.js';
import { type Arena, createArena } from './arena.js';
import { syscallRaw } from './syscalls.js';

/** No limit. */
export const RLIM_INFINITY = 0xffff_ffff_ffff_ffffn;
const RLIMIT_DATA = 2;

/** A soft limit, which counts, and the hard one, up to which it may be raised. */
export interface ResourceLimit {
  readonly soft: bigint;
  readonly hard: bigint;
}

let arena: Arena | undefined;

/** Sets new limits if given, and returns the old ones, or the errno. */
export function prlimit(resource: number, limits?: ResourceLimit): ResourceLimit | number {
  arena ??= createArena(32);
  if (limits !== undefined) {
    arena.view.setBigUint64(0, limits.soft, true);
    arena.view.setBigUint64(8, limits.hard, true);
  }
  const next = limits === undefined ? 0 : arena.address;
  const result = syscallRaw('prlimit64', 0, resource, next, arena.address + 16);
  if (result < 0) return -result;
  return { soft: arena.view.getBigUint64(16, true), hard: arena.view.getBigUint64(24, true) };
}

/** The memory that this process may write to, bytes (RLIMIT_DATA). @throws SyscallError */
export function memoryLimit(): bigint {
  const limits = prlimit(RLIMIT_DATA);
  if (typeof limits === 'number') throw new SyscallError('prlimit64(RLIMIT_DATA)', limits);
  return limits.soft;
}

/**
 * Bounds the memory that this process can write to: beyond it, allocations fail. A lower limit stays.
 *
 * @throws SyscallError
 */
export function limitMemory(bytes: number): void {
  const limit = BigInt(bytes);
  if (memoryLimit() <= limit) return;
  const result = prlimit(RLIMIT_DATA, { soft: limit, hard: limit });
  if (typeof result === 'number') throw new SyscallError('prlimit64(RLIMIT_DATA)', result);
}
