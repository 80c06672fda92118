/** Files that the command line names. */
import { readFileSync } from 'node:fs';
import { fileErrorText } from '@weir/config';
import { UsageError } from '../failure.js';

/** @throws UsageError */
export function readInput(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new UsageError(`${file}: ${fileErrorText(error as Error)}`, { cause: error });
  }
}
