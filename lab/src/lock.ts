/** One writer at a time in a cache folder, also between processes. */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Removes a lock whose owner has died. The owner writes its pid at once, so an empty file is only just being made. */
function removeStale(path: string): void {
  try {
    const owner = Number(readFileSync(path, 'utf8'));
    if (owner > 0 && !alive(owner)) rmSync(path, { force: true });
  } catch {
    // Released meanwhile.
  }
}

const inProcess = new Map<string, Promise<unknown>>();

/** Runs `work` while holding `path`, a file that holds its owner's pid. Waits as long as that owner lives. */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const previous = inProcess.get(path) ?? Promise.resolve();
  const mine = previous.catch(() => undefined).then(() => holding(path, work));
  inProcess.set(path, mine);
  return mine;
}

async function holding<T>(path: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(path), { recursive: true });
  for (;;) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      removeStale(path);
      await sleep(200);
    }
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}
