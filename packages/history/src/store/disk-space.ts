/** Free space on the disk of a history, and the reserve that is given back when there is none. */
import { statfs, writeFile } from 'node:fs/promises';
import { removeFile, sizeOf } from './files.js';
import type { Layout } from './layout.js';

/** Enough for the database to record that segments were removed. */
const RESERVE_BYTES = 8 * 2 ** 20;

/** Bytes that are free for this process. */
export async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** Takes the reserve from the disk, if there is room for it. */
export async function keepReserve(layout: Layout): Promise<void> {
  if ((await sizeOf(layout.reserve)) === RESERVE_BYTES) return;
  if ((await freeBytes(layout.folder)) < 4 * RESERVE_BYTES) return;
  // Zeros that are really written: a hole would take no room.
  await writeFile(layout.reserve, Buffer.alloc(RESERVE_BYTES), { mode: 0o600 });
}

/** Gives the reserve back to the disk. */
export async function releaseReserve(layout: Layout): Promise<void> {
  await removeFile(layout.reserve);
}
