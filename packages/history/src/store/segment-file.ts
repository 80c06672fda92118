/** Whether a segment's file is what was written, as far as that can be seen without reading all of it. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

const MAGIC = 'PAR1';
/** The length of the footer, and the magic behind it. */
const TAIL = 8;

/** What is wrong with a segment's file; undefined: nothing that shows. @param size As recorded. */
export async function segmentProblem(path: string, size?: number): Promise<string | undefined> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    // A pipe in the place of a file would wait for a writer.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'its file is missing' : String(error);
  }
  try {
    const found = await file.stat();
    if (!found.isFile()) return 'it is no plain file';
    if (size !== undefined && found.size !== size)
      return `its file has ${found.size} bytes, and ${size} were written`;
    if (found.size < MAGIC.length + TAIL) return 'its file is too short';
    const bytes = Buffer.alloc(MAGIC.length + TAIL);
    await file.read(bytes, 0, MAGIC.length, 0);
    await file.read(bytes, MAGIC.length, TAIL, found.size - TAIL);
    if (bytes.toString('latin1', 0, 4) !== MAGIC || bytes.toString('latin1', 8, 12) !== MAGIC)
      return 'its file is no Parquet';
    if (bytes.readUInt32LE(MAGIC.length) > found.size - MAGIC.length - TAIL)
      return 'its footer is longer than its file';
    return undefined;
  } finally {
    await file.close();
  }
}
