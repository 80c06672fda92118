/** Checks whether /proc shows the processes that the kernel's events name. */
import { statSync } from 'node:fs';

/** PROC_PID_INIT_INO (include/linux/proc_ns.h). */
const INITIAL = 0xeffffffc;

/**
 * Whether this process is in the initial pid namespace: in another one, as in most containers, the process
 * ids of events are not those of /proc. The initial one has a fixed inode, PROC_PID_INIT_INO of
 * include/linux/proc_ns.h.
 *
 * @param root of procfs.
 */
export function inInitialPidNamespace(root = '/proc'): boolean {
  try {
    return statSync(`${root}/self/ns/pid`).ino === INITIAL;
  } catch {
    return false;
  }
}
