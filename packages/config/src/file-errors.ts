/** What the system says of files, in words. */

/**
 * "ENOENT: no such file or directory, open 'FILE'" becomes "no such file or directory". Messages of others stay as they are.
 */
export function fileErrorText(error: NodeJS.ErrnoException): string {
  if (error.code === undefined) return error.message;
  return error.message.replace(/^[A-Z]\w+: /, '').replace(/, \w+( '.*')?$/s, '');
}
