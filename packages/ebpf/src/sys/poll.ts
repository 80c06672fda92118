/** Whether a descriptor is ready, asked once, without waiting: poll(2). */
import { type Arena, createArena } from './arena.js';
import { syscall } from './syscalls.js';

const POLLIN = 1;
const POLLOUT = 4;
/** struct pollfd { int fd; short events; short revents; }, and a struct timespec of zero behind it. */
const timeoutOffset = 8;
const arenaSize = timeoutOffset + 16;

let arena: Arena | undefined;

/**
 * Whether a write to the descriptor would do something now: it takes at least PIPE_BUF bytes, or fails because its
 * reader is gone.
 *
 * @throws SyscallError
 */
export function isWritable(fd: number): boolean {
  return isReady(fd, POLLOUT);
}

/** Whether the descriptor can be read without waiting; that of a process: whether it has ended. @throws SyscallError */
export function isReadable(fd: number): boolean {
  return isReady(fd, POLLIN);
}

function isReady(fd: number, events: number): boolean {
  arena ??= createArena(arenaSize);
  arena.view.setInt32(0, fd, true);
  arena.view.setInt16(4, events, true);
  return syscall('ppoll', arena.address, 1, arena.address + timeoutOffset, 0, 0) > 0;
}
