/** Locks of files and folders (flock(2)), which end with the process. */
import { constants } from 'node:os';
import { SyscallError } from '../errors.js';
import { syscallRaw } from './syscalls.js';

const LOCK_EX = 2;
const LOCK_NB = 4;
const { EWOULDBLOCK } = constants.errno;

/**
 * Locks an open file or folder for this process alone, until its descriptor is closed.
 *
 * @returns false where another process has the lock.
 * @throws SyscallError
 */
export function tryLock(fd: number): boolean {
  const result = syscallRaw('flock', fd, LOCK_EX | LOCK_NB);
  if (result === -EWOULDBLOCK) return false;
  if (result < 0) throw new SyscallError('flock', -result);
  return true;
}
