/** System calls by name. Numbers: arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h. */
import { SyscallError, UnsupportedError } from '../errors.js';
import { ffi, type SyscallArgument } from './ffi.js';

const x64 = {
  accept4: 288,
  bind: 49,
  bpf: 321,
  capget: 125,
  capset: 126,
  clock_getres: 229,
  clock_gettime: 228,
  connect: 42,
  epoll_create1: 291,
  epoll_ctl: 233,
  epoll_pwait: 281,
  fcntl: 72,
  flock: 73,
  fsconfig: 431,
  fsmount: 432,
  fsopen: 430,
  getsockname: 51,
  getsockopt: 55,
  ioctl: 16,
  listen: 50,
  madvise: 28,
  mmap: 9,
  mount: 165,
  munmap: 11,
  perf_event_open: 298,
  pidfd_getfd: 438,
  pidfd_open: 434,
  ppoll: 271,
  prctl: 157,
  prlimit64: 302,
  read: 0,
  recvfrom: 45,
  recvmsg: 47,
  rt_sigprocmask: 14,
  sendmsg: 46,
  sendto: 44,
  setns: 308,
  setresuid: 117,
  setsockopt: 54,
  shutdown: 48,
  socket: 41,
  socketpair: 53,
  timerfd_create: 283,
  timerfd_settime: 286,
  umount2: 166,
  unshare: 272,
} as const;

/** The name of a system call that this library makes. */
export type SyscallName = keyof typeof x64;

const arm64: Readonly<Record<SyscallName, number>> = {
  accept4: 242,
  bind: 200,
  bpf: 280,
  capget: 90,
  capset: 91,
  clock_getres: 114,
  clock_gettime: 113,
  connect: 203,
  epoll_create1: 20,
  epoll_ctl: 21,
  epoll_pwait: 22,
  fcntl: 25,
  flock: 32,
  fsconfig: 431,
  fsmount: 432,
  fsopen: 430,
  getsockname: 204,
  getsockopt: 209,
  ioctl: 29,
  listen: 201,
  madvise: 233,
  mmap: 222,
  mount: 40,
  munmap: 215,
  perf_event_open: 241,
  pidfd_getfd: 438,
  pidfd_open: 434,
  ppoll: 73,
  prctl: 167,
  prlimit64: 261,
  read: 63,
  recvfrom: 207,
  recvmsg: 212,
  rt_sigprocmask: 135,
  sendmsg: 211,
  sendto: 206,
  setns: 268,
  setresuid: 147,
  setsockopt: 208,
  shutdown: 210,
  socket: 198,
  socketpair: 199,
  timerfd_create: 85,
  timerfd_settime: 86,
  umount2: 39,
  unshare: 97,
};

function numbersOfThisMachine(): Readonly<Record<SyscallName, number>> {
  if (process.platform === 'linux' && process.arch === 'x64') return x64;
  if (process.platform === 'linux' && process.arch === 'arm64') return arm64;
  const machine = `${process.platform}-${process.arch}`;
  throw new UnsupportedError(`eBPF on ${machine}`, undefined, 'this library knows linux-x64 and linux-arm64');
}

let numbers: Readonly<Record<SyscallName, number>> | undefined;

/**
 * Makes a system call; returns its result, or the negative errno. Buffers are passed as addresses.
 *
 * @throws UnsupportedError on a machine other than x64 and arm64.
 */
export function syscallRaw(
  name: SyscallName,
  a?: SyscallArgument,
  b?: SyscallArgument,
  c?: SyscallArgument,
  d?: SyscallArgument,
  e?: SyscallArgument,
  f?: SyscallArgument,
): number {
  numbers ??= numbersOfThisMachine();
  return ffi().syscall(numbers[name], a, b, c, d, e, f);
}

/**
 * Makes a system call of three arguments, sooner than {@link syscallRaw}; returns its result, or the negative errno.
 *
 * @throws UnsupportedError on a machine other than x64 and arm64.
 */
export function syscall3Raw(
  name: SyscallName,
  a: SyscallArgument,
  b: SyscallArgument,
  c: SyscallArgument,
): number {
  numbers ??= numbersOfThisMachine();
  return ffi().syscall3(numbers[name], a, b, c);
}

/**
 * Makes a system call of up to five arguments on another thread. What its addresses point to must stay until then.
 *
 * @returns its result; -1 is a failure whose reason is not known.
 * @throws UnsupportedError on a machine other than x64 and arm64.
 */
export function syscallOnThread(
  name: SyscallName,
  a: SyscallArgument,
  b: SyscallArgument,
  c: SyscallArgument,
  d?: SyscallArgument,
  e?: SyscallArgument,
): Promise<number> {
  numbers ??= numbersOfThisMachine();
  return ffi().syscallOnThread(numbers[name], a, b, c, d, e);
}

/**
 * Makes a system call that is expected to succeed.
 *
 * @throws SyscallError
 */
export function syscall(name: SyscallName, ...args: SyscallArgument[]): number {
  const result = syscallRaw(name, args[0], args[1], args[2], args[3], args[4], args[5]);
  if (result < 0) throw new SyscallError(name, -result);
  return result;
}
