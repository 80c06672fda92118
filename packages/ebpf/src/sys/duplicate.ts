/** Second descriptors of what is open. */
import { Fd } from './fd.js';
import { syscall } from './syscalls.js';

const F_DUPFD_CLOEXEC = 1030;

/** Another descriptor of the same thing, which stays open when the first is closed. @throws SyscallError */
export function duplicate(fd: number): Fd {
  return new Fd(syscall('fcntl', fd, F_DUPFD_CLOEXEC, 3));
}
