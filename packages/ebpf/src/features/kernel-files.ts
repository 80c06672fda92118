/** Whether files exist by which the kernel shows what it has. */
import { readFileSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import type { CapabilityName } from '../sys/capabilities.js';
import { adviceFor } from '../sys/obstacle.js';
import { privateTracefs } from '../sys/private-tracefs.js';
import { type Situation, situation } from '../sys/situation.js';
import { incapable, judge, lockedDown } from './judge.js';
import { absent, type ProbeResult, present, unknown } from './state.js';

const { EACCES, ENOENT, ENOTDIR, EPERM } = constants.errno;
const readNeeds: readonly CapabilityName[] = ['CAP_DAC_READ_SEARCH'];

/**
 * Whether the kernel shows a file in sysfs.
 * @param folder One that is there on every kernel, once sysfs is mounted.
 */
export function sysfsFile(path: string, folder: string): ProbeResult {
  const errno = statErrno(path);
  const mounted = errno !== ENOENT || statErrno(folder) === 0;
  return judgeFile(errno, path, mounted ? undefined : 'sysfs is not mounted');
}

/**
 * The answer in an errno of stat(2) or open(2).
 * @param errno Positive; 0 for success.
 * @param unmounted The obstacle to seeing the file, where there is no such file.
 */
export function judgeFile(
  errno: number,
  path: string,
  unmounted?: string,
  here: Situation = situation,
): ProbeResult {
  if (errno === 0) return present;
  if (errno === ENOENT || errno === ENOTDIR) return unmounted === undefined ? absent : unknown(unmounted);
  if (errno !== EACCES && errno !== EPERM) {
    const answer = judge(errno, [], here);
    return answer.state === 'absent' ? unknown(`${path} cannot be read`) : answer;
  }
  const lacking = here.effective().has('CAP_DAC_OVERRIDE') ? undefined : incapable(readNeeds, here);
  if (lacking !== undefined && lacking.missing.length > 0) {
    return unknown(`${path} is not readable: needs CAP_DAC_READ_SEARCH`, {
      missing: lacking.missing,
      advice: adviceFor(lacking.missing),
    });
  }
  if (here.lockdown() === 'confidentiality') return lockedDown;
  return unknown(`${path} is not readable: a security module or another policy forbids it`);
}

/** The places of tracefs, which a process without privileges may not look into. */
export const tracefsFolders = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'] as const;

/** Whether tracefs has a file; unknown where it is not mounted and this process cannot mount it. */
export function tracefsFile(name: string): ProbeResult {
  let answer: ProbeResult | undefined;
  for (const folder of tracefsFolders) {
    const errno = statErrno(`${folder}/${name}`);
    if (errno === 0) return present;
    // A kernel with tracing makes the folder, which is empty until tracefs is mounted there.
    const mounted = errno === ENOENT && statErrno(`${folder}/events`) === 0;
    if (mounted) return judgeTracefs(errno, folder);
    if (errno !== ENOENT) answer ??= judgeFile(errno, folder);
  }
  if (answer !== undefined) return answer;
  const own = privateTracefs();
  if (own !== undefined) return judgeTracefs(statErrno(`${own}/${name}`), own);
  if (statErrno('/sys/kernel') === 0 && statErrno(tracefsFolders[0]) === ENOENT) return absent;
  return tracefsUnmounted;
}

/** The answer where nobody can look into tracefs. */
export const tracefsUnmounted: ProbeResult = unknown('tracefs is not mounted', {
  advice: 'mount -t tracefs tracefs /sys/kernel/tracing',
});

/** The answer in an errno about a file of a mounted tracefs, which is empty on a kernel that was booted locked down. */
export function judgeTracefs(errno: number, path: string, here: Situation = situation): ProbeResult {
  const hidden = errno === ENOENT && here.lockdown() === 'confidentiality';
  return hidden ? lockedDown : judgeFile(errno, path, undefined, here);
}

/** A file's text, or why it is not to be had. */
export function readText(path: string): { readonly text: string } | { readonly errno: number } {
  try {
    return { text: readFileSync(path, 'latin1') };
  } catch (error) {
    return { errno: errnoOf(error) };
  }
}

/** The errno of stat(2); 0 where the file is there. */
export function statErrno(path: string): number {
  try {
    return statSync(path, { throwIfNoEntry: false }) === undefined ? ENOENT : 0;
  } catch (error) {
    return errnoOf(error);
  }
}

/** The errno of an error of node:fs. */
export function errnoOf(error: unknown): number {
  const { errno } = error as NodeJS.ErrnoException;
  if (errno === undefined) throw error;
  return Math.abs(errno);
}
