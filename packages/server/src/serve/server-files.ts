/** Access to the server's own files for another process of the host. */
import { closeSync, constants, existsSync, lstatSync, openSync } from 'node:fs';
import { OptionError } from '@weir/ebpf/errors';
import { lockTokens } from '@weir/http/auth';
import { servePaths } from './paths.js';
import { type ServerPlaces, serverPlaces } from './places.js';
import { prepareFolder } from './prepare-folder.js';
import { becomeUser, serviceUser } from './service-user.js';

/** How to become the server of a folder. */
export interface BecomeServerOptions {
  /** Whether the folder is made where there is none. */
  readonly make: boolean;
  /** The server's user, where there is no folder yet. Default: as that of `weir serve`. */
  readonly user?: string;
}

/**
 * Makes this process the user of the server of a folder for good: root must not open files where another user may put links.
 *
 * @throws OptionError for a folder that is none, or that this user may not use
 */
export function becomeServer(folder: string, { make, user }: BecomeServerOptions): ServerPlaces {
  const paths = servePaths(folder);
  const isRoot = process.geteuid?.() === 0;
  try {
    if (!existsSync(paths.server) && !make)
      throw new OptionError(`${folder} is no folder of weir serve: --folder names another`);
    if (!existsSync(paths.server)) prepareFolder(paths, isRoot ? serviceUser(user) : undefined);
    const { uid, gid } = lstatSync(paths.server);
    if (isRoot && uid !== 0) becomeUser({ name: `the owner of ${paths.server}`, uid, gid });
    closeSync(openSync(paths.server, constants.O_RDONLY | constants.O_DIRECTORY));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EACCES' && code !== 'EPERM') throw error;
    throw new OptionError(`${folder}: permission denied; run it as root (sudo)`, { cause: error });
  }
  return serverPlaces(paths.server);
}

/** Keeps others from changing files of the server at the same time, until it is disposed of. @throws OptionError */
export function lockServerFiles(folder: string): Promise<Disposable> {
  return lockTokens(servePaths(folder).server, folder);
}
