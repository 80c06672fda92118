/** Gives up the capabilities of threads that are not one's own. */
import { effectiveCapabilities } from './capabilities.js';
import { syscall, syscallRaw } from './syscalls.js';

const PR_GET_SECUREBITS = 27;
const PR_SET_SECUREBITS = 28;
/** A change of the user id leaves the thread's capabilities alone. */
const SECBIT_NO_SETUID_FIXUP = 4;
/** Nobody has user ids from here on: a process whose user id is that of a thread could send that thread signals. */
const UNUSED_USER_IDS = 0xc000_0000;

/**
 * Makes all threads of this process but the calling one those of a user that nobody is, without capabilities: V8's helpers
 * and libuv's pool, in which Node.js opens files for asynchronous calls. The kernel lets a thread change its own capabilities
 * only; but the C library has every thread change its user id, with which root's capabilities go.
 *
 * Only where this thread is root's main thread with CAP_SETUID and CAP_SETPCAP. The process leaves no core dumps from then on, and
 * other processes of that user cannot trace it.
 *
 * @returns Whether that was done.
 */
export function stripOtherThreads(): boolean {
  const effective = effectiveCapabilities();
  const may = effective.has('CAP_SETUID') && effective.has('CAP_SETPCAP');
  if (!may || process.getuid?.() !== 0 || process.geteuid?.() !== 0 || process.setuid === undefined)
    return false;
  const bits = syscall('prctl', PR_GET_SECUREBITS, 0, 0, 0, 0);
  const held = syscallRaw('prctl', PR_SET_SECUREBITS, bits | SECBIT_NO_SETUID_FIXUP, 0, 0, 0);
  if (held < 0) return false;
  try {
    process.setuid(UNUSED_USER_IDS + process.pid);
  } catch {
    // A namespace without that user id, a policy, or a Node.js that has io_uring and therefore refuses.
    return false;
  } finally {
    // Called directly, without the C library, it is about this thread only.
    syscall('setresuid', 0, 0, 0);
    syscall('prctl', PR_SET_SECUREBITS, bits, 0, 0, 0);
  }
  return true;
}
