/**
 * Reads files and folders of container runtimes, some of which belong to other users: bounded, and never waiting for a pipe.
 * This thread opens them, for those of Node.js's pool may have lost the privileges; the pool reads.
 */
import { closeSync, constants, fstatSync, opendirSync, openSync, read } from 'node:fs';
import { promisify } from 'node:util';

const readAt = promisify(read);

/** A file whose name and identity are the same has the same content. */
export interface FileContent {
  readonly text: string;
  readonly identity: string;
}

/**
 * Reads a plain file of at most so many bytes; undefined if there is none, or it may not be read.
 *
 * @param known The identity of the content that is known already: if it is still that, `text` is empty.
 */
export async function readFileUpTo(
  path: string,
  bytes: number,
  known?: string,
): Promise<FileContent | undefined> {
  let file: number | undefined;
  try {
    // Without O_NONBLOCK, opening a pipe waits for somebody who writes into it.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    const stats = fstatSync(file);
    const { size } = stats;
    if (!stats.isFile() || size > bytes) return undefined;
    const identity = `${stats.ino} ${size} ${stats.mtimeMs} ${stats.ctimeMs}`;
    if (identity === known) return { text: '', identity };
    const buffer = Buffer.alloc(size);
    const { bytesRead } = await readAt(file, buffer, 0, size, 0);
    return { text: buffer.toString('utf8', 0, bytesRead), identity };
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** The names in a folder, at most `limit`; none if it is not there. */
export async function listFolder(path: string, limit: number): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of opendirSync(path)) {
      names.push(name);
      if (names.length === limit) break;
    }
  } catch {
    // What was read so far counts.
  }
  return names;
}
