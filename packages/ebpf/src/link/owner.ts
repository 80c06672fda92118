/**
 * The process that owns a probe or filter which the kernel keeps when that process dies. Their names hold the owner, so
 * that what dead owners left can be removed.
 */
import { readFileSync, readlinkSync } from 'node:fs';

/** A process, distinct from a later one with the same pid and from those of other pid namespaces. */
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

/** An owner as part of a name, in characters that every kernel interface takes. */
export function ownerMark({ namespace, pid, startTime }: ProcessIdentity): string {
  return `${namespace}_${pid}_${startTime ?? 0}`;
}

/** Whether a mark's process is gone. Pids of other namespaces mean nothing here: their processes count as alive. */
export function isOwnerGone(mark: string): boolean {
  const [, namespace, pid, started] = /^(\d+)_(\d+)_(\d+)$/.exec(mark) ?? [];
  return pid !== undefined && namespace === pidNamespace() && startTime(Number(pid)) !== started;
}
