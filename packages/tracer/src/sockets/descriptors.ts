/** The descriptors of processes, as /proc shows them. */
import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { otherThreads } from '../enrich/procfs.js';

/** Inode of a link such as `socket:[12345]`; undefined for other files. Pure. */
export function socketInode(link: string): number | undefined {
  return inodeAfter(link, 'socket:[');
}

/** Inode of a link such as `net:[12345]`; undefined for other files. Pure. */
export function namespaceInode(link: string): number | undefined {
  return inodeAfter(link, 'net:[');
}

function inodeAfter(link: string, start: string): number | undefined {
  if (!link.startsWith(start)) return undefined;
  const inode = Number(link.slice(start.length, -1));
  return Number.isInteger(inode) ? inode : undefined;
}

/**
 * Inode of the network namespace that a descriptor holds. One that was opened by a mount, as `ip netns add` makes it, shows the
 * mount's path; once that is gone, only `/`, and then the file itself is asked.
 */
function heldNamespace(path: string, link: string): number | undefined {
  if (link !== '/') return namespaceInode(link);
  try {
    const { dev, ino } = statSync(path);
    return dev === statSync('/proc/self/ns/net').dev ? ino : undefined;
  } catch {
    return undefined;
  }
}

function list(pid: number, folder: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/${folder}`).map((name) => `${folder}/${name}`);
  } catch {
    return [];
  }
}

/** Reads /proc. Names of descriptors are paths below /proc/PID. */
export const procReader = {
  /** None where procfs is not mounted. */
  pids: (): number[] => {
    try {
      return readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .map(Number);
    } catch {
      return [];
    }
  },
  descriptors: (pid: number): readonly string[] => {
    const own = list(pid, 'fd');
    if (own.length > 0) return own;
    // Once the main thread has ended, only the others show what is open.
    for (const thread of otherThreads(pid)) {
      const found = list(pid, `task/${thread}/fd`);
      if (found.length > 0) return found;
    }
    return own;
  },
  link: (pid: number, descriptor: string): string | undefined => {
    try {
      return readlinkSync(`/proc/${pid}/${descriptor}`);
    } catch {
      return undefined;
    }
  },
  namespace: (pid: number, descriptor: string, link: string): number | undefined =>
    heldNamespace(`/proc/${pid}/${descriptor}`, link),
};
