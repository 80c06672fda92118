/** The checkout as guests see it, below `/weir`: compiled code, BPF objects and the packages needed at run time. */

import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fetchPackage } from '../npm/npm-package.js';
import { repository } from '../paths.js';
import type { Architecture } from '../platforms.js';
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

/** What the lock file says of a package. */
interface LockEntry {
  readonly version: string;
  readonly integrity: string;
  readonly cpu?: readonly string[];
  readonly os?: readonly string[];
  readonly libc?: readonly string[];
}

type Lock = Readonly<Record<string, LockEntry | undefined>>;

function readLock(): Lock {
  const text = readFileSync(join(repository, 'package-lock.json'), 'utf8');
  return (JSON.parse(text) as { packages: Lock }).packages;
}

/** Whether a package is for Linux on an architecture, with glibc. Exported for the tests. */
export function isFor(
  architecture: string,
  { cpu, os, libc }: Pick<LockEntry, 'cpu' | 'os' | 'libc'>,
): boolean {
  const fits = (list: readonly string[] | undefined, name: string) =>
    list === undefined || list.includes(name);
  return fits(cpu, architecture) && fits(os, 'linux') && fits(libc, 'glibc');
}

/**
 * The packages from npm that the given packages of the checkout need at run time on an architecture, and those that these
 * need: their folders by name. What is not installed, as it is for another machine than this, is fetched.
 */
async function dependencies(
  folders: readonly string[],
  architecture: Architecture,
): Promise<Map<string, string>> {
  const lock = readLock();
  const found = new Map<string, string>();
  const visit = async (folder: string): Promise<void> => {
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
    for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
      const path = join(repository, 'node_modules', name);
      const entry = lock[`node_modules/${name}`];
      // The checkout's own packages are links.
      const isLink = existsSync(path) && lstatSync(path).isSymbolicLink();
      if (found.has(name) || isLink || entry === undefined || !isFor(architecture, entry)) continue;
      const place = existsSync(path) ? path : await otherPackage(name, entry, architecture);
      if (place === undefined) continue;
      found.set(name, place);
      await visit(place);
    }
  };
  for (const folder of folders) await visit(join(repository, folder));
  return found;
}

/** What npm left out here, and would install on the guest's machine. */
async function otherPackage(
  name: string,
  { version, integrity }: LockEntry,
  architecture: Architecture,
): Promise<string | undefined> {
  return architecture === process.arch ? undefined : fetchPackage({ name, version, integrity });
}

/** Packs the checkout as it is now, for guests of an architecture, into an archive at `path`. */
export async function packProject(path: string, architecture: Architecture): Promise<void> {
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
  for (const [name, folder] of await dependencies(packages, architecture)) {
    writer.tree(`${inside}/node_modules/${name}`, folder, kept);
  }
  writer.tree(`${inside}/node_modules/@weir`, join(repository, 'node_modules/@weir'));
  writer.finish();
}
