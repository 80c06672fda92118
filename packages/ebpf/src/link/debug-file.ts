/** The files that distributions put the symbols of stripped programs into. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { crc32 } from '../elf/crc32.js';
import type { ExecutableFile } from '../elf/executable.js';

/** Folders below which debug files lie. */
export const debugFolders: readonly string[] = ['/usr/lib/debug', '/usr/local/lib/debug'];

/**
 * The debug file of an executable: by its build id, else by its debug link, whose checksum must fit.
 * @param folders As {@link debugFolders}.
 * @param existing The path of the executable as its own root has it; default its path.
 * @throws FormatError where the executable is damaged.
 */
export function debugFileOf(
  file: ExecutableFile,
  folders: readonly string[] = debugFolders,
  existing: string = file.path,
): string | undefined {
  const { buildId } = file;
  if (buildId !== undefined && buildId.length > 2) {
    const name = join('.build-id', buildId.slice(0, 2), `${buildId.slice(2)}.debug`);
    const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
    if (found !== undefined) return found;
  }
  const link = file.debugLink;
  if (link === undefined) return undefined;
  const beside = dirname(file.path);
  const name = basename(link.name);
  const places = [
    join(beside, name),
    join(beside, '.debug', name),
    ...folders.map((folder) => join(folder, dirname(existing), name)),
  ];
  return places.find((path) => path !== file.path && hasChecksum(path, link.checksum));
}

function hasChecksum(path: string, wanted: number): boolean {
  try {
    return crc32(readFileSync(path)) === wanted;
  } catch {
    return false;
  }
}
