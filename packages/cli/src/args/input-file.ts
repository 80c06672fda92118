/** Files that the command line names. */
import { readFileSync } from 'node:fs';
import { UsageError } from '../failure.js';

/** @throws UsageError */
export function readInput(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    // "ENOENT: no such file or directory, open 'FILE'"
    const what = (error as Error).message.replace(/^\w+: /, '').replace(/, \w+( '.*')?$/s, '');
    throw new UsageError(`${file}: ${what}`, { cause: error });
  }
}
