/** Other versions of Node.js than the one that runs the tests: npm's packages of its executables. */

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../command.js';
import { withLock } from '../lock.js';
import { cacheFolder } from '../paths.js';
import { isRoot } from '../requirements.js';

/** Majors that Weir runs on. */
export const nodeMajors = ['20', '22', '24', '26'];

/** The last of them. */
export const newestMajor = nodeMajors.at(-1)!;

const ownMajor = process.versions.node.split('.', 1)[0];

/** All but the one that runs the tests. */
export const otherMajors = nodeMajors.filter((major) => major !== ownMajor);
export const newestOther = otherMajors.at(-1)!;

/** Tests of root start other users' processes, which may not enter root's own cache. */
function nodeFolder(): string {
  if (!isRoot()) return cacheFolder('node');
  const folder = '/var/cache/weir-lab/node';
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  return folder;
}

/**
 * The executable of a major, fetched where it is not in the cache.
 *
 * @param architecture As in `process.arch`. Default: this machine's.
 * @throws Error where npm has none.
 */
export async function nodeExecutable(major: string, architecture: string = process.arch): Promise<string> {
  const name = `node-linux-${architecture}`;
  const folder = join(nodeFolder(), architecture === process.arch ? major : `${major}-${architecture}`);
  const program = join(folder, 'node_modules', name, 'bin', 'node');
  await withLock(`${folder}.lock`, async () => {
    if (existsSync(program)) return;
    const unfinished = `${folder}.new`;
    rmSync(unfinished, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
    await run('npm', [
      'install',
      '--prefix',
      unfinished,
      '--no-save',
      '--ignore-scripts',
      // npm refuses packages for another machine otherwise.
      ...(architecture === process.arch ? [] : ['--force']),
      `${name}@${major}`,
    ]);
    renameSync(unfinished, folder);
  });
  return program;
}

/** The version, without a v, of an executable of {@link nodeExecutable}. */
export function nodeVersion(program: string): string {
  const { version } = JSON.parse(readFileSync(join(program, '../../package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}
