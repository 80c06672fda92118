/**
 * Parsers of option values that name something on this host: a user, a network namespace, a cgroup. Each turns
 * the name into the number that the kernel's programs compare.
 */
import { readFileSync, readlinkSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { userId } from '@weir/ebpf/sys';
import { InvalidArgumentError } from '../commander.js';
import { parseInteger, splitList } from './values.js';

/** Types of file systems (include/uapi/linux/magic.h), as statfs(2) reports them. */
const NSFS_MAGIC = 0x6e736673;
const CGROUP2_SUPER_MAGIC = 0x63677270;

const isNumber = (text: string): boolean => /^\d+$/.test(text);

/** User ids, from numbers and from names in a passwd(5) file. */
export function parseUsers(text: string, passwd = '/etc/passwd'): number[] {
  return splitList(text).map((item) => {
    if (isNumber(item)) return parseInteger(item, 'a user id', 0, 2 ** 32 - 1);
    const id = userId(item, passwd);
    if (id === undefined) {
      throw new InvalidArgumentError(`No user of that name is in ${passwd}: give the user's number.`);
    }
    return id;
  });
}

/**
 * Inodes of network namespaces, from numbers, from paths such as /proc/PID/ns/net, and from names that
 * `ip netns add` made, which are files in `names`.
 */
export function parseNetns(text: string, names = '/run/netns'): number[] {
  return splitList(text).map((item) => {
    if (isNumber(item)) return parseInteger(item, "a network namespace's inode", 1, 2 ** 32 - 1);
    const path = item.includes('/') ? item : join(names, item);
    const inode = inodeOn(path, NSFS_MAGIC);
    if (inode === undefined || !isNetworkNamespace(path)) {
      throw new InvalidArgumentError(
        `${path} is no network namespace: give its inode, a path such as /proc/PID/ns/net, or a name that "ip netns" lists.`,
      );
    }
    return inode;
  });
}

/** A link in /proc/PID/ns reads as `net:[4026531840]`. A bind mount does not show its kind: its user is trusted. */
function isNetworkNamespace(path: string): boolean {
  try {
    return !/^(?!net:)\w+:\[\d+\]$/.test(readlinkSync(path));
  } catch {
    return true;
  }
}

/**
 * cgroup v2 ids, from numbers, from paths of directories on a cgroup2 mount, and from paths relative to the
 * mount's root as /proc/PID/cgroup has them. The id is the directory's inode, on 64-bit kernels from 5.5.
 */
export function parseCgroups(text: string, mountInfo = '/proc/self/mountinfo'): number[] {
  return splitList(text).map((item) => {
    if (isNumber(item)) return parseInteger(item, 'a cgroup id', 1, Number.MAX_SAFE_INTEGER);
    const mounts = cgroup2Mounts(readFileSync(mountInfo, 'utf8'));
    for (const path of [item, ...mounts.map((mount) => join(mount, item))]) {
      const id = inodeOn(path, CGROUP2_SUPER_MAGIC);
      if (id !== undefined) return id;
    }
    throw new InvalidArgumentError(
      mounts.length === 0
        ? 'No cgroup2 file system is mounted here.'
        : `Expected an id or a directory below ${mounts.join(' or ')}.`,
    );
  });
}

/** Mount points of type cgroup2 in the text of a mountinfo file, proc_pid_mountinfo(5). */
export function cgroup2Mounts(mountInfo: string): string[] {
  return mountInfo.split('\n').flatMap((line) => {
    const [mount = '', origin = ''] = line.split(' - ');
    const point = mount.split(' ')[4];
    return origin.startsWith('cgroup2 ') && point !== undefined ? [unescapeOctal(point)] : [];
  });
}

/** The kernel writes space, tab, newline and backslash in mountinfo as a backslash and three octal digits. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** The inode of the file at `path`, if that is on a file system of the given type. */
function inodeOn(path: string, fileSystem: number): number | undefined {
  try {
    return statfsSync(path).type === fileSystem ? statSync(path).ino : undefined;
  } catch {
    return undefined;
  }
}
