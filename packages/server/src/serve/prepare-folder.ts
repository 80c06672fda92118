/** Makes the folder of `weir serve`, with an owner for each part. */
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { OptionError } from '@weir/ebpf/errors';
import { tryLock } from '@weir/ebpf/sys';
import type { ServePaths } from './paths.js';
import type { ServiceUser } from './service-user.js';

/**
 * Makes what is missing.
 *
 * @param user Undefined where both processes are one user's.
 * @throws OptionError for a folder that is none, that others may change, or whose history is not the server's; Error of the system
 */
export function prepareFolder(paths: ServePaths, user: ServiceUser | undefined): void {
  // A umask takes bits away from the mode of mkdir.
  if (makeFolder(paths.folder)) chmodSync(paths.folder, 0o755);
  requireSafe(paths.folder);
  if (user !== undefined) requireReachable(paths.folder, user);
  for (const part of [paths.spool, paths.server, paths.run]) makeFolder(part, 0o700);
  // Everybody may find out where the API listens; who may connect is up to the modes of the sockets.
  if (user === undefined) {
    chmodSync(paths.run, 0o711);
    return;
  }
  requireOwned(paths, user);
  give(paths.server, user.uid, user.gid, 0o700);
  // A collector that has given up its capabilities gets to the server's socket as a member of the group, which files inherit here.
  give(paths.run, user.uid, process.getegid?.() ?? 0, 0o2751);
}

/** @returns Whether it was not there. @throws OptionError where a part of its path is no folder, or a link to nothing */
function makeFolder(folder: string, mode = 0o777): boolean {
  try {
    return mkdirSync(folder, { recursive: true, mode }) !== undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || code === 'ENOTDIR' || code === 'ENOENT')
      throw new OptionError(`${folder} is no folder, nor can one be made there`, { cause: error });
    throw error;
  }
}

/**
 * A server that ran as another user, or a copy that root made, has left files that this one cannot open. Root does not give them away by
 * itself: that user may have put links there.
 */
function requireOwned({ server, history }: ServePaths, { name, uid }: ServiceUser): void {
  for (const path of [server, history].flatMap((folder) => [folder, ...entriesOf(folder)])) {
    const owner = lstatSync(path, { throwIfNoEntry: false })?.uid;
    // The server's own folder is given to it.
    if (owner === undefined || owner === uid || path === server) continue;
    throw new OptionError(
      `${path} belongs to user ${owner}, and the server runs as ${name}: chown -R ${name}: ${server}, or choose that user`,
    );
  }
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name));
  } catch {
    // It is not there yet, or no folder, which is found elsewhere.
    return [];
  }
}

function give(folder: string, uid: number, gid: number, mode: number): void {
  const found = lstatSync(folder);
  if (!found.isDirectory()) throw new OptionError(`${folder} is no folder`);
  if (found.uid !== uid || found.gid !== gid) chownSync(folder, uid, gid);
  chmodSync(folder, mode);
}

/** The server passes through every folder above its own. */
function requireReachable(folder: string, { name, uid, gid }: ServiceUser): void {
  for (let at = folder; ; at = dirname(at)) {
    const { uid: owner, gid: group, mode } = statSync(at);
    const needed = owner === uid ? 0o100 : group === gid ? 0o010 : 0o001;
    if ((mode & needed) === 0)
      throw new OptionError(
        `user ${name} cannot pass through ${at} (mode ${(mode & 0o7777).toString(8)}): chmod o+x, or choose another folder`,
      );
    if (at === '/') return;
  }
}

/**
 * Keeps another collector out of a folder, until it is disposed of or the process ends.
 *
 * @throws OptionError where one has it
 */
export function claimFolder(folder: string): Disposable {
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  const release = { [Symbol.dispose]: () => closeSync(fd) };
  if (tryLock(fd)) return release;
  release[Symbol.dispose]();
  throw new OptionError(`another weir serve has ${folder}: end it, or choose another --folder`);
}

/** Whoever may rename its parts could make root write elsewhere. */
function requireSafe(folder: string): void {
  const { uid, mode } = lstatSync(folder);
  const own = process.geteuid?.() ?? 0;
  if (uid !== own && uid !== 0)
    throw new OptionError(`${folder} belongs to user ${uid}: it has to belong to the collector's`);
  if ((mode & 0o022) !== 0) throw new OptionError(`${folder} may be written by others: chmod go-w ${folder}`);
}
