/**
 * Probes made through tracefs: for kernels without the kprobe PMU (before 4.17), and for return probes that need more
 * than the default number of simultaneous calls (maxactive), which only tracefs can ask for. They outlive the process
 * that made them.
 */
import { closeSync, constants as fileConstants, openSync, readFileSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { SyscallError, UnknownFeatureError, UnsupportedError } from '../errors.js';
import { judgeTracefs, statErrno } from '../features/kernel-files.js';
import { describeObstacle, refusal } from '../sys/obstacle.js';
import { situation } from '../sys/situation.js';
import { ownerMark, ownIdentity, type ProcessIdentity, pidNamespace, startTime } from './owner.js';
import { tracefs } from './tracefs.js';

const { O_APPEND, O_WRONLY } = fileConstants;

/** The folder of our probes below tracefs' `events`. */
const group = 'weir';

export interface TracefsProbe {
  /** The tracepoint that the probe is, for perf_event_open. */
  readonly id: number;
  /** Removes it; fails with EBUSY while it is open. */
  remove(): void;
}

export interface TracefsProbeOptions {
  readonly retprobe?: boolean;
  /** How many calls a return probe follows at the same time. */
  readonly maxactive?: number;
}

let count = 0;

/**
 * Makes a probe on a kernel function (`name`, `name+8`, `module:name`) or, in `uprobe_events`, on `path:0xoffset`.
 * @throws SyscallError
 */
export function createTracefsProbe(
  file: 'kprobe_events' | 'uprobe_events',
  target: string,
  options: TracefsProbeOptions = {},
): TracefsProbe {
  removeStaleProbes();
  const folder = tracefs();
  const name = `${probeName(ownIdentity(), count++)}`;
  const letter = options.retprobe === true ? `r${options.maxactive ?? ''}` : 'p';
  append(join(folder, file), `${letter}:${group}/${name} ${target}`);
  const remove = () => append(join(folder, file), `-:${group}/${name}`);
  try {
    const id = Number.parseInt(readFileSync(join(folder, 'events', group, name, 'id'), 'latin1'), 10);
    return { id, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** Opening for writing alone would clear all probes of the machine: only appending is safe. */
function append(path: string, line: string): void {
  const errno = statErrno(path);
  if (errno === constants.errno.ENOENT) {
    const feature = path.endsWith('kprobe_events') ? 'kprobes (CONFIG_KPROBES)' : 'uprobes (CONFIG_UPROBES)';
    const file = judgeTracefs(errno, path);
    throw file.state === 'unknown' ? new UnknownFeatureError(feature, file) : new UnsupportedError(feature);
  }
  try {
    const fd = openSync(path, O_WRONLY | O_APPEND);
    try {
      writeSync(fd, line);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException;
    if (errno === undefined) throw error;
    throw new SyscallError(`write to ${path}`, Math.abs(errno), explainWrite(Math.abs(errno), line));
  }
}

/** What was written, and why it was refused, as far as this process can find out. */
function explainWrite(errno: number, line: string): string {
  const { EACCES, EPERM } = constants.errno;
  if (errno !== EACCES && errno !== EPERM) return line;
  const obstacle = refusal(errno, ['CAP_DAC_OVERRIDE'], { ...situation, memlock: () => undefined });
  return `${line}; ${describeObstacle(obstacle)}`;
}

/** The name of a process's n-th probe. */
export function probeName(owner: ProcessIdentity, n: number): string {
  return `p${ownerMark(owner)}_${n}`;
}

/**
 * The names of our probes in a probe file's text whose owners are gone.
 * @param namespace The reader's own pid namespace: pids of others mean nothing here, so those are left alone.
 * @param startTimeOf When the process of that pid started; undefined if there is none.
 */
export function staleProbes(
  text: string,
  namespace: string,
  startTimeOf: (pid: number) => string | undefined,
): readonly string[] {
  const names: string[] = [];
  for (const match of text.matchAll(/^[pr]\d*:weir\/(p(\d+)_(\d+)_(\d+)_\d+) /gm)) {
    const [, name, inode, pid, started] = match;
    if (inode === namespace && startTimeOf(Number(pid)) !== started) names.push(name!);
  }
  return names;
}

/**
 * Removes probes that processes of this library left behind when they were killed. Done before every new one.
 * @returns How many were removed.
 */
export function removeStaleProbes(): number {
  let removed = 0;
  const folder = tracefs();
  for (const file of ['kprobe_events', 'uprobe_events']) {
    const path = join(folder, file);
    let text: string;
    try {
      text = readFileSync(path, 'latin1');
    } catch {
      continue; // The kernel has no probes of this kind.
    }
    for (const name of staleProbes(text, pidNamespace(), startTime)) {
      try {
        append(path, `-:${group}/${name}`);
        removed++;
      } catch (error) {
        // EBUSY: somebody else holds it open. ENOENT: somebody else removed it first.
        const { errno } = error as SyscallError;
        if (errno !== constants.errno.EBUSY && errno !== constants.errno.ENOENT) throw error;
      }
    }
  }
  return removed;
}
