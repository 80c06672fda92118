/** Checks whether /proc shows the processes that the kernel's events name. */
import { existsSync, statSync } from 'node:fs';

/** PROC_PID_INIT_INO (include/linux/proc_ns.h). */
const INITIAL = 0xeffffffc;

/**
 * The pid namespace of this process: `initial`, another one, or `unknown` where /proc does not show this process, for procfs
 * is not mounted there, or is that of another pid namespace.
 */
export type PidNamespaceView = 'initial' | 'other' | 'unknown';

/**
 * Which pid namespace this process is in, as far as procfs shows it.
 *
 * @param root of procfs.
 */
export function pidNamespaceView(root = '/proc'): PidNamespaceView {
  try {
    return statSync(`${root}/self/ns/pid`).ino === INITIAL ? 'initial' : 'other';
  } catch {
    // A kernel without CONFIG_PID_NS has the initial one alone.
    return existsSync(`${root}/self/ns/net`) ? 'initial' : 'unknown';
  }
}

/**
 * Whether this process is known to be in the initial pid namespace: in another one, as in most containers, the process
 * ids of events are not those of /proc. The initial one has a fixed inode, PROC_PID_INIT_INO of
 * include/linux/proc_ns.h.
 *
 * @param root of procfs.
 */
export function inInitialPidNamespace(root = '/proc'): boolean {
  return pidNamespaceView(root) === 'initial';
}

/** Why the processes that events name are not found in /proc, and what to do about it. */
export interface HiddenProcesses {
  readonly reason: string;
  readonly advice: string;
}

/** Why the processes that events name are not found in /proc; undefined where they are. */
export function hiddenProcesses(view: PidNamespaceView = pidNamespaceView()): HiddenProcesses | undefined {
  switch (view) {
    case 'initial':
      return undefined;
    case 'other':
      return {
        reason: 'this process is not in the initial pid namespace',
        advice: 'run it in the pid namespace of the host, as docker run --pid=host does',
      };
    case 'unknown':
      return {
        reason: '/proc does not show this process',
        advice: 'mount procfs there (mount -t proc proc /proc)',
      };
  }
}
