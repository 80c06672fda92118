/** CPU time of this process, and of others by their number. */
import { readFileSync } from 'node:fs';

/** CPU time, and time on the clock. */
export interface CpuTime {
  cpuMs: number;
  wallMs: number;
}

/** What something takes in this process, all of its threads. */
export async function timed(run: () => Promise<unknown>): Promise<CpuTime> {
  const cpu = process.cpuUsage();
  const started = performance.now();
  await run();
  const { user, system } = process.cpuUsage(cpu);
  return { cpuMs: (user + system) / 1000, wallMs: performance.now() - started };
}

const TICK_MS = 10;

/** CPU milliseconds of a process and of its children that have ended. */
export function processCpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // utime, stime, cutime, cstime
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) * TICK_MS;
}

/** The children of a process. */
export function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1');
  return text.trim().split(' ').filter(Boolean).map(Number);
}

/** CPU milliseconds of a process and all below it. */
export function treeCpuMs(pid: number): number {
  try {
    return childrenOf(pid).reduce((sum, child) => sum + treeCpuMs(child), processCpuMs(pid));
  } catch {
    // It ended: its time is in its parent's.
    return 0;
  }
}

/** Resident memory now and at most, MB. */
export function residentMb(pid: number | 'self'): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const mb = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1000;
  return { now: mb('VmRSS'), peak: mb('VmHWM') };
}
