/**
 * Paths that lie on file systems of this host. Whoever looks at one on a network file system waits for its server, without
 * end where that is gone, and has automounters mount it.
 */
import { lstatSync, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readSmallFile } from '@weir/ebpf/sys';

/** Types of file systems that another host, or a process, answers for. */
const remoteTypes: ReadonlySet<string> = new Set([
  ...[
    '9p',
    'afs',
    'autofs',
    'beegfs',
    'ceph',
    'cifs',
    'coda',
    'gfs2',
    'gpfs',
    'lustre',
    'ncpfs',
    'nfs',
    'nfs4',
  ],
  ...['ocfs2', 'orangefs', 'pvfs2', 'smb3', 'smbfs', 'virtiofs'],
]);
const isRemote = (type: string): boolean => remoteTypes.has(type) || type.startsWith('fuse');

/** MAXSYMLINKS of the kernel. */
const MOST_LINKS = 40;
/** The time for which the mounts table counts as fresh. */
const FRESH_MS = 1000;

/** `local`: it is there. `remote`: it is not known, for nobody looks there. */
export type Place = 'local' | 'remote' | 'absent';

/** Looks at paths component by component, so that nothing behind a mount of another host is touched. */
export class LocalPaths {
  readonly #readMounts: () => string;
  #remote: ReadonlySet<string> = new Set();
  #readAt = Number.NEGATIVE_INFINITY;

  /** @param readMounts The text of a mounts table, as in proc_pid_mounts(5). */
  constructor(readMounts = () => readSmallFile('/proc/self/mounts') ?? '') {
    this.#readMounts = readMounts;
  }

  /** @param path An absolute one. What `/` itself is on is never asked about. */
  place(path: string): Place {
    this.#refresh();
    let links = 0;
    let current = '/';
    const left = components(path);
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      const next = name === '..' ? dirname(current) : join(current, name);
      if (this.#remote.has(next)) return 'remote';
      const target = linkTarget(next);
      if (target === undefined) return 'absent';
      if (target === '') {
        current = next;
      } else {
        if (++links > MOST_LINKS) return 'absent';
        if (target.startsWith('/')) current = '/';
        left.unshift(...components(target));
      }
    }
    return 'local';
  }

  #refresh(): void {
    const now = performance.now();
    if (now - this.#readAt < FRESH_MS) return;
    this.#readAt = now;
    // Where several are mounted at one place, the last is seen.
    const types = new Map<string, string>();
    for (const line of this.#readMounts().split('\n')) {
      const [, folder, type] = line.split(' ');
      if (folder !== undefined && type !== undefined) types.set(unescapeMount(folder), type);
    }
    this.#remote = new Set([...types].filter(([, type]) => isRemote(type)).map(([folder]) => folder));
  }
}

function components(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

/** Where a symbolic link leads; empty for all else; undefined where nothing is. */
function linkTarget(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : '';
  } catch {
    return undefined;
  }
}

/** The mounts table writes blanks in paths as octal escapes. */
function unescapeMount(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
