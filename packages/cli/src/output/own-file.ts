/**
 * Open files of Weir's own, beside those that it inherited. Whoever shares an inherited descriptor shares its open file,
 * and with it O_NONBLOCK: a shell that reads the pipe into which Weir writes would get EAGAIN. So that flag is set on
 * open files that nobody else has, or nowhere.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { isatty } from 'node:tty';

const { O_NOCTTY, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** The pipe or terminal behind a descriptor, opened again. */
export interface OwnFile {
  readonly fd: number;
}

/** Where a descriptor cannot be opened again. `gone`: nobody reads this pipe any more. */
export type Refusal = 'gone' | 'denied';

/** Opens the pipe or terminal behind a descriptor again, to be written to, with O_NONBLOCK. */
export function openToWrite(fd: number): OwnFile | Refusal {
  return reopen(fd, O_WRONLY | O_NOCTTY | O_NONBLOCK);
}

/** Opens the terminal behind a descriptor again, to be read from. */
export function openToRead(fd: number): OwnFile | Refusal {
  return reopen(fd, O_RDONLY | O_NOCTTY | O_NONBLOCK);
}

/** The device of /dev/ptmx: whoever opens it gets another terminal. */
const PTMX_DEVICE = 0x502;

function reopen(fd: number, flags: number): OwnFile | Refusal {
  if (fstatSync(fd).rdev === PTMX_DEVICE) return 'denied';
  try {
    return { fd: openSync(`/proc/self/fd/${fd}`, flags) };
  } catch (error) {
    // fifo(7): a pipe without readers cannot be opened for writing without waiting for one.
    if ((error as NodeJS.ErrnoException).code === 'ENXIO' && fstatSync(fd).isFIFO()) return 'gone';
  }
  return reopenControllingTerminal(fd, flags) ?? 'denied';
}

/** After su(1) the terminal is another user's, but whoever has it as controlling terminal may open it as /dev/tty. */
function reopenControllingTerminal(fd: number, flags: number): OwnFile | undefined {
  try {
    if (!isatty(fd) || fstatSync(fd).rdev !== controllingTerminal()) return undefined;
    return { fd: openSync('/dev/tty', flags) };
  } catch {
    return undefined;
  }
}

/** Field tty_nr of proc_pid_stat(5). The name before it may hold parentheses and spaces. */
function controllingTerminal(): number {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[4]);
}

/** Closes a descriptor that may be closed already. */
export function closeQuietly(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // It was closed.
  }
}
