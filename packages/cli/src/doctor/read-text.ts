/** What a report has of files that may not be readable. */
import { readFileSync } from 'node:fs';

/** A text of the kernel; where it cannot be read, the error's code in parentheses. */
export function read(path: string): string {
  return attempt(() => readFileSync(path, 'utf8').trim());
}

/** What a function returns; where it throws, the error's code in parentheses. */
export function attempt<T>(get: () => T): T | string {
  try {
    return get();
  } catch (error) {
    return `(${(error as NodeJS.ErrnoException).code ?? 'not readable'})`;
  }
}
