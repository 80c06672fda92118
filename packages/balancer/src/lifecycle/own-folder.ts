/** Folders that only this process's user may change. */
import { lstatSync, mkdirSync, type Stats } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { EbpfError } from '@weir/ebpf';

const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

function isOwn({ uid }: Stats): boolean {
  return uid === 0 || uid === process.geteuid!();
}

/**
 * Creates a folder and those above it, one after another: where the kernel creates none, as below /proc, Node's recursive
 * mkdir never returns.
 *
 * @throws Error of the system
 */
export function makeFolder(path: string, mode: number): void {
  const above = dirname(path);
  if (above !== path && statOf(above) === undefined) makeFolder(above, mode);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || statOf(path)?.isFile() === true) throw error;
  }
}

/**
 * Creates a folder, or accepts one in which nobody else can replace what this process's user keeps: it is a folder and no
 * symbolic link; it and those above it belong to root or to this process's user; and others may not write to them, or they
 * are sticky, as /tmp.
 *
 * @param mode Of folders that are created.
 * @throws EbpfError for a folder that somebody else can change; Error of the system
 */
export function claimFolder(path: string, mode: number): void {
  const absolute = resolve(path);
  makeFolder(absolute, mode);
  if (statOf(absolute)?.isDirectory() === false) refuse(absolute, 'is no folder', 'remove it');
  for (let folder = absolute; ; folder = dirname(folder)) {
    const stats = statOf(folder);
    if (stats !== undefined && !isOwn(stats))
      refuse(folder, `belongs to user ${stats.uid}`, 'give it to root');
    if (stats !== undefined && isOpen(stats))
      refuse(folder, 'may be changed by others', `chmod go-w ${folder}`);
    if (dirname(folder) === folder) return;
  }
}

/** Whether others may replace what is in a folder. A symbolic link's own mode does not count. */
function isOpen(stats: Stats): boolean {
  return stats.isDirectory() && (stats.mode & OTHERS_WRITE) !== 0 && (stats.mode & STICKY) === 0;
}

function refuse(path: string, what: string, remedy: string): never {
  throw new EbpfError(
    `${path} ${what}, so that somebody else could replace what the balancer keeps there: ${remedy}`,
  );
}

/** A message if all users may create files beside a folder: this is safe for what exists, but not meant. */
export function sharedParent(path: string): string | undefined {
  const above = dirname(resolve(path));
  const mode = statOf(above)?.mode ?? 0;
  if (!(mode & OTHERS_WRITE)) return undefined;
  return `${above} has mode ${(mode & 0o7777).toString(8)}: all users may create files there; "chmod 700 ${above}" ends that`;
}

/** Whether a file can be trusted: no symbolic link, and nobody but root and this process's user may write to it. */
export function isTrusted(stats: Stats): boolean {
  return stats.isFile() && isOwn(stats) && !(stats.mode & OTHERS_WRITE);
}
