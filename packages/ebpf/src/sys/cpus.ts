/** The machine's CPUs as the kernel counts them. Source: Documentation/admin-guide/cputopology.rst. */
import { readFileSync } from 'node:fs';
import { EbpfError, FormatError } from '../errors.js';
import { openFilesAdvice } from './open-files.js';

/**
 * The numbers in a CPU list such as `0-3,8,10-11`, ascending.
 *
 * @throws FormatError
 */
export function parseCpuList(text: string): number[] {
  const cpus: number[] = [];
  const trimmed = text.trim();
  if (trimmed === '') return cpus;
  for (const part of trimmed.split(',')) {
    const match = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(part);
    if (match === null) throw new FormatError(`not a CPU list: ${JSON.stringify(text)}`);
    const first = Number(match[1]);
    const last = match[2] === undefined ? first : Number(match[2]);
    if (last < first || last > 65_535) throw new FormatError(`not a CPU list: ${JSON.stringify(text)}`);
    for (let cpu = first; cpu <= last; cpu++) cpus.push(cpu);
  }
  return cpus;
}

function readCpuList(name: string): number[] {
  const path = `/sys/devices/system/cpu/${name}`;
  try {
    return parseCpuList(readFileSync(path, 'latin1'));
  } catch (error) {
    const { errno, code } = error as NodeJS.ErrnoException;
    if (errno === undefined) throw error;
    const advice = openFilesAdvice(-errno) ?? 'is sysfs mounted on /sys?';
    throw new EbpfError(`cannot read ${path}: ${code}: ${advice}`, { cause: error });
  }
}

let possible: readonly number[] | undefined;

/**
 * The CPUs that this machine may ever have, which is fixed at boot. A per-CPU map holds one value for each,
 * in this order. Numbers from 0.
 *
 * @throws EbpfError if sysfs cannot be read.
 */
export function possibleCpus(): readonly number[] {
  possible ??= readCpuList('possible');
  return possible;
}

/** The CPUs that run at this moment, numbers from 0. @throws EbpfError if sysfs cannot be read. */
export function onlineCpus(): number[] {
  return readCpuList('online');
}
