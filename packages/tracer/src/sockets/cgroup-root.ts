/**
 * Finds the root of cgroup v2. A container with a cgroup namespace of its own sees its own cgroup as the root; where it sees
 * other processes of the host, the real one can be reached through their folders in /proc.
 */
import { readdirSync, statSync } from 'node:fs';
import { readSmallFile } from '@weir/ebpf/sys';
import { unescapePath } from './namespaces.js';

/** The kernel gives the root of a hierarchy the first number, and no other cgroup ever has it. */
const ROOT_INODE = 1;
/** Processes whose mounts are looked at. */
const MAX_PROCESSES = 256;

export interface CgroupRoot {
  readonly path: string;
  /** Whether it is the root of a namespace only, and not that of the host. */
  readonly isPart: boolean;
}

/** Looks at this host; replaced in tests. */
export interface CgroupReader {
  /** Processes besides this one, those that most probably see the whole host first. */
  pids(): readonly string[];
  /** /proc/PID/mountinfo. */
  mounts(pid: string): string | undefined;
  /** undefined: it cannot be reached. */
  inode(path: string): number | undefined;
}

/** Mounts of cgroup v2 in /proc/PID/mountinfo. Pure. */
export function cgroupMounts(mountinfo: string): { readonly root: string; readonly path: string }[] {
  return mountinfo.split('\n').flatMap((line) => {
    const match = /^\d+ \d+ \S+ (\S+) (\S+) .* - cgroup2 /.exec(line);
    return match === null ? [] : [{ root: match[1]!, path: unescapePath(match[2]!) }];
  });
}

/** Whether it can be found out if cgroup v2 is mounted, and where. */
export function showsMounts(reader: CgroupReader = procReader): boolean {
  return reader.mounts('self') !== undefined;
}

/** undefined where no cgroup v2 is mounted, or that is not known. */
export function findCgroupRoot(reader: CgroupReader = procReader): CgroupRoot | undefined {
  const own = cgroupMounts(reader.mounts('self') ?? '');
  const whole = own.find(({ path }) => reader.inode(path) === ROOT_INODE)?.path ?? findElsewhere(reader);
  if (whole !== undefined) return { path: whole, isPart: false };
  const part = own.find(({ root }) => root === '/');
  return part && { path: part.path, isPart: true };
}

function findElsewhere(reader: CgroupReader): string | undefined {
  const seen = new Set<string>();
  for (const pid of reader.pids()) {
    const mounts = reader.mounts(pid) ?? '';
    if (seen.has(mounts)) continue;
    for (const { path } of cgroupMounts(mounts)) {
      const reached = `/proc/${pid}/root${path}`;
      const inode = reader.inode(reached);
      if (inode === ROOT_INODE) return reached;
      // Where this process may not be entered, another one with the same mounts may.
      if (inode !== undefined) seen.add(mounts);
    }
  }
  return undefined;
}

const procReader: CgroupReader = {
  pids: () => {
    try {
      return readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .slice(0, MAX_PROCESSES);
    } catch {
      return [];
    }
  },
  mounts: (pid) => readSmallFile(`/proc/${pid}/mountinfo`),
  inode: (path) => {
    try {
      return statSync(path).ino;
    } catch {
      return undefined;
    }
  },
};
