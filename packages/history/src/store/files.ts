/** Changes of files that last: what was written is on the disk when these return. */
import { constants } from 'node:fs';
import { chmod, chown, type FileHandle, mkdir, open, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Who owns the files of a history. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

/** Makes a folder that only its owner can enter, or makes it so. */
export async function ensureFolder(path: string, owner: Owner | undefined): Promise<void> {
  const made = await mkdir(path, { recursive: true, mode: FOLDER_MODE });
  const { mode, uid, gid } = await stat(path);
  if ((mode & 0o777) !== FOLDER_MODE) await chmod(path, FOLDER_MODE);
  if (owner !== undefined && (uid !== owner.uid || gid !== owner.gid))
    await chown(path, owner.uid, owner.gid);
  if (made !== undefined) await syncFolder(dirname(made));
}

/** Gives a file to the owner of the history, and to nobody else. */
export async function protectFile(path: string, owner: Owner | undefined): Promise<void> {
  await chmod(path, FILE_MODE);
  if (owner !== undefined) await chown(path, owner.uid, owner.gid);
}

async function withFile<T>(path: string, flags: number, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, flags);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/** Waits until a file's bytes are on the disk. @returns its size. */
export async function syncFile(path: string): Promise<number> {
  return withFile(path, constants.O_RDWR, async (file) => {
    await file.sync();
    return (await file.stat()).size;
  });
}

/** Waits until the names in a folder are on the disk. */
export async function syncFolder(path: string): Promise<void> {
  await withFile(path, constants.O_RDONLY | constants.O_DIRECTORY, (file) => file.sync());
}

/** Renames a file within its folder, for good. */
export async function renameFile(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncFolder(dirname(to));
}

/** Removes a file if it is there. */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Removes a folder with all that is in it, or a file. */
export async function removeFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}

/** The size of a file in bytes; 0 if there is none. */
export async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}
