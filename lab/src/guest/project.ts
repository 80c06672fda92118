/** The checkout as guests see it, below `/weir`: compiled code, BPF objects and the packages needed at run time. */

import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../paths.js';
import { CpioWriter } from './cpio.js';

/** The checkout's place in guests. */
export const guestRepository = '/weir';

const omittedFolders = /(^|\/)(node_modules|vendor)\/$|^doc\/$/;
const omittedFiles = /\.(d\.ts|map|tsbuildinfo|md)$/;

function kept(path: string): boolean {
  return path.endsWith('/') ? !omittedFolders.test(path) : !omittedFiles.test(path);
}

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** The packages from npm that the given packages of the checkout need at run time, and those that these need. */
function installedDependencies(folders: readonly string[]): Set<string> {
  const found = new Set<string>();
  const visit = (folder: string): void => {
    const manifest = JSON.parse(readFileSync(join(repository, folder, 'package.json'), 'utf8')) as Manifest;
    for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
      const path = join(repository, 'node_modules', name);
      // The checkout's own packages are links; what npm left out is for other machines.
      if (found.has(name) || !existsSync(path) || lstatSync(path).isSymbolicLink()) continue;
      found.add(name);
      visit(`node_modules/${name}`);
    }
  };
  for (const folder of folders) visit(folder);
  return found;
}

/** Packs the checkout as it is now into an archive at `path`. */
export function packProject(path: string): void {
  using writer = new CpioWriter(path);
  const inside = guestRepository.slice(1);
  writer.copy('init', join(repository, 'lab/guest/init'));
  // The guide is there since a test types its commands.
  for (const file of ['package.json', 'docs/balance-guide.md'])
    writer.copy(`${inside}/${file}`, join(repository, file));
  const packages = readdirSync(join(repository, 'packages')).map((name) => `packages/${name}`);
  for (const part of [...packages, 'lab', 'bench', 'examples']) {
    writer.tree(`${inside}/${part}`, join(repository, part), kept);
  }
  for (const name of installedDependencies(packages)) {
    writer.tree(`${inside}/node_modules/${name}`, join(repository, 'node_modules', name), kept);
  }
  writer.tree(`${inside}/node_modules/@weir`, join(repository, 'node_modules/@weir'));
  writer.finish();
}
