/** Reports to another program that tracing began: `--ready-fd`, in the manner of s6's and systemd's notifications. */
import { closeSync, readdirSync, readFileSync, readlinkSync, writeSync } from 'node:fs';
import { parseInteger } from '../args/values.js';
import { InvalidArgumentError } from '../commander.js';

/**
 * Parses a descriptor that was inherited and can be written to. Node.js has pipes and event descriptors of its own, and
 * closing one of those would break it. They are refused: pipes of Node.js have both their ends in this process.
 */
export function parseReadyFd(text: string): number {
  const fd = parseInteger(text, 'a descriptor number', 3, 2 ** 31 - 1);
  const target = descriptorTarget(fd);
  if (target === undefined || target.startsWith('anon_inode:') || isOwnPipe(target) || !isWritable(fd)) {
    throw new InvalidArgumentError(
      `Expected a writable descriptor that was inherited, such as ${text} in ${text}>FILE.`,
    );
  }
  return fd;
}

/** Writes the line `ready` and closes the descriptor. A reader that has gone away is no error. */
export function announceReady(fd: number): void {
  try {
    writeSync(fd, 'ready\n');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) throw error;
  } finally {
    closeSync(fd);
  }
}

function descriptorTarget(fd: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return undefined;
  }
}

function isOwnPipe(target: string): boolean {
  if (!target.startsWith('pipe:')) return false;
  const ends = readdirSync('/proc/self/fd')
    .map(Number)
    .filter((other) => descriptorTarget(other) === target);
  return ends.some(isWritable) && !ends.every(isWritable);
}

/** O_ACCMODE of the open file: 1 is write-only, 2 both (proc_pid_fdinfo(5)). */
function isWritable(fd: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '0';
    return (Number.parseInt(flags, 8) & 3) !== 0;
  } catch {
    return false;
  }
}
