/** Whether a segment's file is what was written, as far as that can be seen without reading all of it. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

const MAGIC = 'PAR1';
/** The length of the footer, and the magic behind it. */
const TAIL = 8;
/** What was read last. */
const bytes = Buffer.alloc(MAGIC.length + TAIL + 1);

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
    return size !== undefined && isWritten(file, size) ? undefined : problemOf(file, size);
  } finally {
    closeSync(file);
  }
}

/** Whether a file looks like what was written, up to its end: to ask for its status as well would take as long again. */
function isWritten(file: number, size: number): boolean {
  try {
    readSync(file, bytes, 0, MAGIC.length, 0);
    return (
      readSync(file, bytes, MAGIC.length, TAIL + 1, size - TAIL) === TAIL &&
      parquetProblem(size) === undefined
    );
  } catch {
    return false;
  }
}

function problemOf(file: number, size: number | undefined): string | undefined {
  const found = fstatSync(file);
  if (!found.isFile()) return 'it is no plain file';
  if (size !== undefined && found.size !== size)
    return `its file has ${found.size} bytes, and ${size} were written`;
  if (found.size < MAGIC.length + TAIL) return 'its file is too short';
  readSync(file, bytes, 0, MAGIC.length, 0);
  readSync(file, bytes, MAGIC.length, TAIL, found.size - TAIL);
  return parquetProblem(found.size);
}

/** What is wrong with the beginning and the end that were read of a file. @param size Its bytes. */
function parquetProblem(size: number): string | undefined {
  if (bytes.toString('latin1', 0, 4) !== MAGIC || bytes.toString('latin1', 8, 12) !== MAGIC)
    return 'its file is no Parquet';
  if (bytes.readUInt32LE(MAGIC.length) > size - MAGIC.length - TAIL)
    return 'its footer is longer than its file';
  return undefined;
}
