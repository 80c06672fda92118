/** What to do where no more files can be opened: the refusal says nothing about what was to be opened. */
import { constants } from 'node:os';

const { EMFILE, ENFILE } = constants.errno;

/** The advice for an errno; undefined where it is another one. */
export function openFilesAdvice(errno: number): string | undefined {
  switch (errno) {
    case EMFILE:
      return 'the limit on open files (RLIMIT_NOFILE) of this process is reached: raise it (ulimit -n)';
    case ENFILE:
      return 'the limit on open files of this host is reached: raise fs.file-max';
    default:
      return undefined;
  }
}
