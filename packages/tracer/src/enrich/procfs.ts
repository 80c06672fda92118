/** Reads details of a process from /proc. The parsers are pure. */
import { closeSync, openSync, readdirSync, readlinkSync, readSync, statSync } from 'node:fs';
import { decodeBytes } from '@weir/ebpf/byte-text';
import { readSmallFile } from '@weir/ebpf/sys';
import { type CgroupEnrichment, parseCgroups } from './cgroup.js';
import type { ContainerNameDetails } from './containers/names.js';

/** Bytes of a command line that are read, and shown: it can be megabytes long. */
export const COMMAND_LINE_BYTES = 4096;

/** Details of a process that the kernel's events lack. Details that are unknown, or that may not be read, are absent. */
export interface ProcessDetails extends CgroupEnrichment, ContainerNameDetails {
  /** Path of its program, in its own mount namespace. */
  readonly executable?: string;
  /**
   * Its arguments, joined by spaces; a process can write there what it likes, and any byte may occur: escape before
   * showing it. Ends with `…` where it was cut.
   */
  readonly command_line?: string;
}

/** Distinguishes a process from a later one with the same pid, and from itself before exec(). */
export interface ProcessState {
  /** Clock ticks after boot. */
  readonly startTicks: number;
  readonly comm: string;
}

/** Reads /proc/PID/stat. Its second field, the command in parentheses, may contain parentheses and newlines itself. */
export function parseStat(text: string): ProcessState | undefined {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  if (open < 0 || close < open) return undefined;
  // The field after the command is the third; the start time is the 22nd (proc_pid_stat(5)).
  const startTicks = Number(text.slice(close + 2).split(' ')[22 - 3]);
  if (!Number.isSafeInteger(startTicks)) return undefined;
  return { startTicks, comm: text.slice(open + 1, close) };
}

/**
 * From the bytes of /proc/PID/cmdline to text.
 *
 * @param isCut whether the file went on behind `bytes`.
 */
export function parseCommandLine(bytes: Uint8Array, isCut = false): string | undefined {
  // A process that sets its title leaves what remains of its arguments as NULs.
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  if (end === 0) return undefined;
  const kept =
    isCut && end === bytes.length ? wholeCharacters(bytes.subarray(0, end)) : bytes.subarray(0, end);
  const text = decodeBytes(kept).replaceAll('\0', ' ');
  return isCut ? `${text}…` : text;
}

/** Without the character that was cut in the middle. */
function wholeCharacters(bytes: Uint8Array): Uint8Array {
  let start = bytes.length - 1;
  while (start > 0 && bytes.length - start < 4 && (bytes[start]! & 0xc0) === 0x80) start--;
  const lead = bytes[start] ?? 0;
  const needed = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  return needed > bytes.length - start ? bytes.subarray(0, start) : bytes;
}

/** A program that was replaced on disk is still the program that runs. */
export function parseExecutable(link: string): string {
  return link.replace(/ \(deleted\)$/, '');
}

const buffer = Buffer.alloc(COMMAND_LINE_BYTES + 1);

/** undefined: no such process. @param root of procfs. */
export function readState(pid: number, root = '/proc'): ProcessState | undefined {
  const text = readSmallFile(`${root}/${pid}/stat`);
  return text === undefined ? undefined : parseStat(text);
}

/** The real user id in /proc/PID/status. Pure. */
export function parseUid(status: string): number | undefined {
  const match = /^Uid:\t(\d+)/m.exec(status);
  return match === null ? undefined : Number(match[1]);
}

/** undefined: no such process. @param root of procfs. */
export function readUid(pid: number, root = '/proc'): number | undefined {
  return parseUid(readSmallFile(`${root}/${pid}/status`) ?? '');
}

/**
 * The threads of a process whose main thread has ended, while others go on: /proc/PID is nearly empty then, and what it showed
 * is in /proc/PID/task/TID. None for any other process.
 *
 * @param root of procfs.
 */
export function otherThreads(pid: number, root = '/proc'): readonly string[] {
  const folder = `${root}/${pid}/task`;
  try {
    // A link for each thread besides the two of a folder: a process with one thread, as a kernel thread, is not read.
    if (statSync(folder).nlink === 3) return [];
    return readdirSync(folder).filter((tid) => tid !== String(pid));
  } catch {
    return [];
  }
}

/** Reads all details that this process may read; a kernel thread has neither executable nor command line. */
export function readDetails(pid: number, root = '/proc'): ProcessDetails {
  const folder = `${root}/${pid}`;
  const own = readFolder(folder);
  if (own.executable !== undefined || own.command_line !== undefined) return own;
  const [thread] = otherThreads(pid, root);
  return thread === undefined ? own : readFolder(`${folder}/task/${thread}`);
}

function readFolder(folder: string): ProcessDetails {
  const executable = readLink(`${folder}/exe`);
  const commandLine = readCommandLine(`${folder}/cmdline`);
  const cgroups = readSmallFile(`${folder}/cgroup`);
  return {
    ...(executable !== undefined && { executable: parseExecutable(executable) }),
    ...(commandLine !== undefined && { command_line: commandLine }),
    ...(cgroups !== undefined && parseCgroups(cgroups)),
  };
}

function readLink(path: string): string | undefined {
  try {
    return decodeBytes(readlinkSync(path, 'buffer'));
  } catch {
    return undefined;
  }
}

function readCommandLine(path: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    let length = 0;
    while (length < buffer.length) {
      const count = readSync(fd, buffer, length, buffer.length - length, null);
      if (count === 0) break;
      length += count;
    }
    return parseCommandLine(
      buffer.subarray(0, Math.min(length, COMMAND_LINE_BYTES)),
      length > COMMAND_LINE_BYTES,
    );
  } catch {
    // The process ended meanwhile.
    return undefined;
  } finally {
    closeSync(fd);
  }
}
