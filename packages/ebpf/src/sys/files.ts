/** Small files of procfs and sysfs. */
import { closeSync, openSync, readSync } from 'node:fs';
import { decodeBytes } from '../byte-text.js';

/**
 * The content of a file that has no meaningful size, as those of procfs and sysfs, with bytes that are not UTF-8 kept (byte-text.ts); `undefined` if it is absent or may
 * not be read.
 */
export function readSmallFile(path: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    const chunks: Buffer[] = [];
    for (;;) {
      const chunk = Buffer.allocUnsafe(4096);
      const count = readSync(fd, chunk);
      if (count === 0) return decodeBytes(Buffer.concat(chunks));
      chunks.push(chunk.subarray(0, count));
    }
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}
