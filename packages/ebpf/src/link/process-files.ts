/** The files that a process runs from, by paths that hold in its own mount namespace and here. */
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { basename } from 'node:path';
import { EbpfError, SyscallError } from '../errors.js';
import { errnoOf } from '../features/kernel-files.js';

/** A part of a file that a process has mapped. */
export interface FileMapping {
  readonly start: number;
  readonly end: number;
  readonly isExecutable: boolean;
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** As the process sees it. */
  readonly path: string;
  /** The path is gone, or another file's by now. */
  readonly isDeleted: boolean;
  /** Device and inode, which are the same in every mapping of a file. */
  readonly file: string;
}

/** The parts of files in the text of /proc/PID/maps. */
export function parseMappings(maps: string): FileMapping[] {
  const mappings: FileMapping[] = [];
  for (const line of maps.split('\n')) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) (\S+) ([0-9a-f]+) (\S+ \d+) +(\/.*)$/.exec(line);
    if (match === null) continue;
    const [, start, end, rights, offset, file, shown] = match as unknown as string[];
    const isDeleted = shown!.endsWith(' (deleted)');
    mappings.push({
      ...{ start: Number.parseInt(start!, 16), end: Number.parseInt(end!, 16), file: file! },
      ...{ isExecutable: rights!.includes('x'), offset: Number.parseInt(offset!, 16) },
      ...{ path: isDeleted ? shown!.slice(0, -10) : shown!, isDeleted },
    });
  }
  return mappings;
}

/** @throws EbpfError where there is no such process; SyscallError */
export function processMappings(pid: number): FileMapping[] {
  try {
    return parseMappings(readFileSync(`/proc/${pid}/maps`, 'utf8'));
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === constants.errno.ENOENT || errno === constants.errno.ESRCH)
      throw new EbpfError(`there is no process ${pid}`);
    throw new SyscallError('open', errno, `/proc/${pid}/maps`);
  }
}

/** A path by which this process reaches a mapped file, also in another mount namespace, or after it was replaced. */
export function reachablePath(pid: number, { path, isDeleted, start, end }: FileMapping): string {
  if (isDeleted) return `/proc/${pid}/map_files/${start.toString(16)}-${end.toString(16)}`;
  const rooted = `/proc/${pid}/root${path}`;
  return existsSync(rooted) ? rooted : path;
}

/**
 * The file that a process runs and that has a name: `libssl.so.3`, `libssl.so`, `node`.
 * @throws EbpfError where it maps no such file, or several; SyscallError
 */
export function mappedFile(pid: number, name: string): FileMapping {
  const code = processMappings(pid).filter(({ isExecutable }) => isExecutable);
  const distinct = [...new Map(code.map((mapping) => [mapping.file, mapping])).values()];
  const named = distinct.filter(({ path }) => basename(path) === name);
  // Libraries have their version behind the name, or before its ending.
  const stem = name.replace(/\.so$/, '');
  const versioned = distinct.filter(({ path }) => {
    const rest = basename(path).slice(stem.length);
    return basename(path).startsWith(stem) && /^(-[\d.]+)?\.so(\.\d+)*$/.test(rest);
  });
  const found = named.length > 0 ? named : versioned;
  if (found.length === 1) return found[0]!;
  const all = (found.length > 1 ? found : distinct).map(({ path }) => path).join(', ');
  throw new EbpfError(
    found.length > 1
      ? `process ${pid} runs several files ${name}: ${all}; give the whole path`
      : `process ${pid} runs no file ${name}; it runs ${all}`,
  );
}

/**
 * The address at which a process runs a place of a file.
 * @param offset Bytes from the start of the file.
 * @returns undefined where it does not.
 */
export function runtimeAddress(
  mappings: readonly FileMapping[],
  file: string,
  offset: number,
): number | undefined {
  const mapping = mappings.find(
    (part) =>
      part.file === file &&
      part.isExecutable &&
      offset >= part.offset &&
      offset < part.offset + part.end - part.start,
  );
  return mapping === undefined ? undefined : mapping.start + offset - mapping.offset;
}
