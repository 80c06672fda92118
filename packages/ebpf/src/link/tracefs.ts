/** Where tracefs is mounted, and the ids of tracepoints in it. */
import { statfsSync } from 'node:fs';
import { join } from 'node:path';
import { UnknownFeatureError, UnsupportedError } from '../errors.js';
import {
  judgeTracefs,
  readText,
  tracefsFile,
  tracefsFolders,
  tracefsUnmounted,
} from '../features/kernel-files.js';
import { type ProbeResult, present } from '../features/state.js';
import { readSmallFile } from '../sys/files.js';
import { privateTracefs } from '../sys/private-tracefs.js';

/**
 * The folder of the kernel's tracing files: /sys/kernel/tracing (4.1+), or below debugfs, or wherever
 * /proc/self/mounts says; where none is mounted, one that only this process sees (5.2).
 * Without procfs, only in its usual places.
 * @throws UnsupportedError where the kernel has none; UnknownFeatureError where it is not mounted.
 */
export function tracefs(): string {
  const folder = presentTracefs();
  if (folder !== undefined) return folder;
  // A kernel with CONFIG_TRACING makes the folder for it.
  const answer = tracefsFile('events');
  if (answer.state === 'unknown') throw new UnknownFeatureError('what tracefs shows', answer);
  throw new UnsupportedError('tracefs (CONFIG_TRACING)');
}

function presentTracefs(): string | undefined {
  const mounts = readSmallFile('/proc/self/mounts');
  if (mounts === undefined) return tracefsFolders.find(isTracefs);
  return findTracefs(mounts, isTracefs) ?? privateTracefs();
}

/** TRACEFS_MAGIC (include/uapi/linux/magic.h). */
const TRACEFS_MAGIC = 0x74726163;

/** Whether a folder shows tracefs: the mounts table also has what others are mounted over, and what is outside of a chroot. */
function isTracefs(folder: string): boolean {
  try {
    return statfsSync(folder).type === TRACEFS_MAGIC;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES';
  }
}

/**
 * The mounted one from the text of a mounts table: a tracefs mount, else `tracing` in a debugfs mount.
 *
 * @param isVisible Whether tracefs is what a folder shows.
 */
export function findTracefs(
  mounts: string,
  isVisible: (folder: string) => boolean = () => true,
): string | undefined {
  const entries = mounts.split('\n').map((line) => line.split(' '));
  const folders = entries
    .filter(([, , type]) => type === 'tracefs')
    .map(([, folder]) => unescapeMount(folder!))
    .filter(isVisible);
  const preferred = folders.find((folder) => folder === '/sys/kernel/tracing') ?? folders[0];
  if (preferred !== undefined) return preferred;
  // debugfs mounts tracefs on its `tracing` folder when that is first entered.
  const debugfs = entries.find(([, , type]) => type === 'debugfs');
  const below = debugfs && join(unescapeMount(debugfs[1]!), 'tracing');
  return below !== undefined && isVisible(below) ? below : undefined;
}

/** The mounts table writes blanks in paths as octal escapes. */
function unescapeMount(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/**
 * The number perf_event_open knows a tracepoint by.
 * @param event `group/name`, such as `sched/sched_process_exec`.
 * @throws UnsupportedError where there is no such tracepoint, or no tracefs is mounted; UnknownFeatureError
 * where tracefs is not readable.
 */
export function tracepointId(event: string): number {
  const folder = tracefs();
  const file = readText(join(folder, 'events', event, 'id'));
  if ('text' in file) return Number.parseInt(file.text, 10);
  const answer = judgeTracefs(file.errno, folder);
  if (answer.state === 'unknown') throw new UnknownFeatureError(`tracepoint ${event}`, answer);
  throw new UnsupportedError(`tracepoint ${event}`, undefined, `${folder}/events has no folder of that name`);
}

/**
 * Whether the kernel has a tracepoint that this process can open.
 * @param event As for {@link tracepointId}.
 */
export function probeTracepoint(event: string): ProbeResult {
  const folder = presentTracefs();
  if (folder === undefined) return tracefsUnmounted;
  const file = readText(join(folder, 'events', event, 'id'));
  return 'text' in file ? present : judgeTracefs(file.errno, folder);
}
