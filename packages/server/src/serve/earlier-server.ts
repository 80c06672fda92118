/** Ends a server that an earlier collector has left, so that this one can have its socket and its files. */
import { readFileSync, renameSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { removeStaleSocket } from '@weir/ebpf/sys';
import type { ServePaths } from './paths.js';

/** The time in which an earlier server has to end in order. */
const END_MS = 15_000;
const STEP_MS = 50;

/**
 * Waits until no server has the socket, and the one that had it has ended: it is asked to, and killed if it does not.
 *
 * @param uid The user as whom servers run: no other process is ended.
 * @throws Error where it cannot be ended.
 */
export async function endEarlierServer(paths: ServePaths, uid: number): Promise<void> {
  const asked = new Map<number, number>();
  const started = performance.now();
  for (;;) {
    // It may say only now who it is: it was being started when its collector died.
    const pid = earlierServer(paths.pid, uid);
    const isGone = pid === undefined || pid === process.pid || !isRunning(pid);
    if (isGone && (await removeStaleSocket(paths.socket))) return;
    const nowMs = performance.now();
    if (nowMs - started >= 2 * END_MS)
      throw new Error(`another server has ${paths.socket}, and does not end`);
    if (!isGone) {
      const since = asked.get(pid);
      if (since === undefined) {
        signal(pid, 'SIGTERM');
        asked.set(pid, nowMs);
      } else if (nowMs - since >= END_MS) signal(pid, 'SIGKILL');
    }
    await setTimeout(STEP_MS);
  }
}

/** One that has ended stays in /proc until its parent has looked. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Makes this process the one that the next server would end. Disposing removes that. */
export function announceServer(paths: ServePaths): Disposable {
  const next = `${paths.pid}.${process.pid}.new`;
  writeFileSync(next, `${process.pid}\n`, { mode: 0o600 });
  // At once, as one who reads an empty file finds no server to end.
  renameSync(next, paths.pid);
  return {
    [Symbol.dispose]: () => {
      if (earlierServer(paths.pid, process.geteuid?.() ?? 0) === process.pid) unlinkSync(paths.pid);
    },
  };
}

/** The process id of the server that a file names, while it runs. */
export function earlierServer(path: string, uid: number): number | undefined {
  try {
    const pid = Number(readFileSync(path, 'utf8'));
    if (!Number.isSafeInteger(pid) || pid <= 1) return undefined;
    // The number may be another process's by now.
    return isServer(pid, uid) ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a process runs a server. @param uids Of users, one of whom it is. */
export function isServer(pid: number, ...uids: readonly number[]): boolean {
  try {
    if (!uids.includes(statSync(`/proc/${pid}`).uid)) return false;
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('\0serve\0') && isRunning(pid);
  } catch {
    return false;
  }
}

/** Asks a server to end, and waits until it has; it is killed if it does not. */
export async function endServer(pid: number): Promise<void> {
  signal(pid, 'SIGTERM');
  for (const started = performance.now(); isRunning(pid); await setTimeout(STEP_MS))
    if (performance.now() - started >= END_MS) signal(pid, 'SIGKILL');
}

function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended meanwhile.
  }
}
