/** Reals from a file, which is read again when it changes. */
import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import { fileErrorText } from '@weir/config';
import type { FoundReal } from './found-real.js';
import type { Source, SourceEvents } from './source.js';

/** How often it is looked whether the file has changed: replaced files, and those of other hosts, report no change. */
const LOOK_MS = 1000;
const MOST_BYTES = 4 * 2 ** 20;

/**
 * Follows a file. Its folder may change as well, as where Kubernetes replaces a link.
 *
 * @param read Reads its text. Throws Error for what it cannot read.
 */
export function fileSource(path: string, read: (text: string) => FoundReal[], events: SourceEvents): Source {
  let seen: string | undefined;
  const look = () => {
    try {
      const version = versionOf(path);
      if (version === seen) {
        events.unchanged();
        return;
      }
      const reals = read(textOf(path));
      seen = version;
      events.answer(reals);
    } catch (error) {
      // It is read again at each look, for it may be written just now.
      seen = undefined;
      events.fails(new Error(fileErrorText(error as Error), { cause: error }));
    }
  };
  const timer = setInterval(look, LOOK_MS);
  // Whoever made the source does not expect an answer before it has it.
  const first = setImmediate(look);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      clearImmediate(first);
    },
  };
}

function versionOf(path: string): string {
  const { ino, mtimeNs, size } = statSync(path, { bigint: true });
  return `${ino} ${mtimeNs} ${size}`;
}

/** A pipe in the place of the file would keep the whole process waiting. */
function textOf(path: string): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw new Error('it is no file');
    if (stats.size > MOST_BYTES) throw new Error(`it is longer than ${MOST_BYTES} bytes`);
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}
