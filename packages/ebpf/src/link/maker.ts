/**
 * Who made a thing in the kernel that outlives its maker. Such things carry their maker in their names, so that those of
 * the dead can be told from those of the living and be removed.
 */
import { readFileSync, readlinkSync } from 'node:fs';

/** A process, told from a later one with the same pid by when it started, and from one of another pid namespace. */
export interface ProcessIdentity {
  /** Inode of the pid namespace in which `pid` counts. */
  readonly namespace: string;
  readonly pid: number;
  /** Clock ticks from boot to the process's start; undefined if it does not run. */
  readonly startTime: string | undefined;
}

export function ownIdentity(): ProcessIdentity {
  return { namespace: pidNamespace(), pid: process.pid, startTime: startTime(process.pid) };
}

export function pidNamespace(): string {
  return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';
}

/** When the process of that pid started; undefined if there is none. */
export function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command's name may hold anything; the fields after its closing parenthesis start with the third.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

/** A maker as part of a name: letters that every kernel interface takes. */
export function makerMark({ namespace, pid, startTime }: ProcessIdentity): string {
  return `${namespace}_${pid}_${startTime ?? 0}`;
}

/** Whether a mark is that of a process that is gone. Pids of other namespaces mean nothing here: those count as alive. */
export function isMakerGone(mark: string): boolean {
  const [, namespace, pid, started] = /^(\d+)_(\d+)_(\d+)$/.exec(mark) ?? [];
  return pid !== undefined && namespace === pidNamespace() && startTime(Number(pid)) !== started;
}
