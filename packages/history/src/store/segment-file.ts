/** Whether a segment's file is what was written, as far as that can be seen without reading all of it. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

const MAGIC = 'PAR1';
/** The length of the footer, and the magic behind it. */
const TAIL = 8;
/** What was read last. */
const bytes = Buffer.alloc(MAGIC.length + TAIL);

/**
 * What is wrong with a segment's file; undefined: nothing that shows. It does not wait: a month has thousands of files, and handing each
 * step to another thread takes ten times as long as the step.
 *
 * @param size As recorded.
 */
export function segmentProblem(path: string, size?: number): string | undefined {
  let file: number;
  try {
    // A pipe in the place of a file would wait for a writer.
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'its file is missing' : String(error);
  }
  try {
    const found = fstatSync(file);
    if (!found.isFile()) return 'it is no plain file';
    if (size !== undefined && found.size !== size)
      return `its file has ${found.size} bytes, and ${size} were written`;
    if (found.size < MAGIC.length + TAIL) return 'its file is too short';
    readSync(file, bytes, 0, MAGIC.length, 0);
    readSync(file, bytes, MAGIC.length, TAIL, found.size - TAIL);
    if (bytes.toString('latin1', 0, 4) !== MAGIC || bytes.toString('latin1', 8, 12) !== MAGIC)
      return 'its file is no Parquet';
    if (bytes.readUInt32LE(MAGIC.length) > found.size - MAGIC.length - TAIL)
      return 'its footer is longer than its file';
    return undefined;
  } finally {
    closeSync(file);
  }
}
