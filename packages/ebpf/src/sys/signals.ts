/** Signals of the calling thread: rt_sigprocmask(2). */
import { type Arena, createArena } from './arena.js';
import { syscall, syscallRaw } from './syscalls.js';

const SIG_BLOCK = 0;
const SIG_SETMASK = 2;
/** The kernel's sigset_t: a bit for each of 64 signals. */
const SET_LENGTH = 8;
const ALL = 0xffff_ffff_ffff_ffffn;

let arena: Arena | undefined;

/**
 * Calls `body` while no signal reaches this thread but SIGKILL and SIGSTOP. Other threads get those that are for the process; those
 * for this thread come afterwards.
 */
export function withoutSignals<T>(body: () => T): T {
  arena ??= createArena(2 * SET_LENGTH);
  const { address, view } = arena;
  view.setBigUint64(0, ALL, true);
  if (syscallRaw('rt_sigprocmask', SIG_BLOCK, address, address + SET_LENGTH, SET_LENGTH) < 0) return body();
  const former = view.getBigUint64(SET_LENGTH, true);
  try {
    return body();
  } finally {
    view.setBigUint64(0, former, true);
    syscall('rt_sigprocmask', SIG_SETMASK, address, 0, SET_LENGTH);
  }
}
