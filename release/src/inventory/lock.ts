/** Packages of others that Weir ships or has installed, out of package-lock.json. Pure, but for the reading. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '@weir/lab';

interface LockEntry {
  readonly version?: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly resolved?: string;
  readonly os?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** A lock file's `packages`, by path. */
export type LockPackages = Readonly<Record<string, LockEntry>>;

export interface Component {
  readonly name: string;
  readonly version: string;
  /** SPDX expression. */
  readonly license: string;
  /** `sha512-` and base64, as npm writes it; absent for packages of this repository. */
  readonly integrity?: string;
  /** Where npm puts it, relative to the checkout. */
  readonly path: string;
  /** Installed only where the machine fits. */
  readonly isOptional: boolean;
  /** Whether it belongs to this repository. */
  readonly isOwn: boolean;
  /** Paths of what it depends on, sorted. */
  readonly dependencies: readonly string[];
}

export function readLock(): LockPackages {
  const text = readFileSync(join(repository, 'package-lock.json'), 'utf8');
  return (JSON.parse(text) as { packages: LockPackages }).packages;
}

/** Finds a dependency as Node.js does: beside the package, then further up. */
function locate(packages: LockPackages, from: string, name: string): string | undefined {
  for (let folder = from; ; ) {
    const path = folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    const entry = packages[path];
    if (entry !== undefined) return entry.link === true ? entry.resolved : path;
    if (folder === '') return undefined;
    folder = folder.includes('/') ? folder.slice(0, folder.lastIndexOf('/')) : '';
  }
}

/** Whether Weir runs where the package does. */
function isForLinux({ os }: LockEntry): boolean {
  return os === undefined || os.includes('linux');
}

function nameOf(path: string): string {
  const at = path.lastIndexOf('node_modules/');
  return path.slice(at + 'node_modules/'.length);
}

/**
 * What an installation of `roots` brings on Linux, roots included, sorted by path.
 *
 * @param roots Paths of packages, such as `packages/cli`.
 * @throws Error for a dependency that the lock file lacks.
 */
export function closure(packages: LockPackages, roots: readonly string[]): Component[] {
  const found = new Map<string, Component>();
  const visit = (path: string, isOptional: boolean): void => {
    const known = found.get(path);
    if (known !== undefined && (isOptional || !known.isOptional)) return;
    const entry = packages[path]!;
    const wanted = [
      ...Object.keys(entry.dependencies ?? {}).map((name) => ({ name, isOptional: false })),
      ...Object.keys(entry.optionalDependencies ?? {}).map((name) => ({ name, isOptional: true })),
    ];
    const located = wanted.flatMap((each) => {
      const at = locate(packages, path, each.name);
      if (at === undefined && !each.isOptional) {
        throw new Error(`package-lock.json lacks ${each.name}, which ${path} depends on: run npm install`);
      }
      return at !== undefined && isForLinux(packages[at]!) ? [{ path: at, isOptional: each.isOptional }] : [];
    });
    const isOwn = !path.includes('node_modules/');
    const { version, license, integrity } = entry;
    if (version === undefined || license === undefined)
      throw new Error(`package-lock.json: ${path} has no licence`);
    found.set(path, {
      name: isOwn ? `@weir/${path.slice(path.lastIndexOf('/') + 1)}` : nameOf(path),
      version,
      license,
      ...(integrity !== undefined && { integrity }),
      path,
      isOptional,
      isOwn,
      dependencies: [...new Set(located.map((each) => each.path))].sort(),
    });
    for (const each of located) visit(each.path, isOptional || each.isOptional);
  };
  for (const root of roots) visit(root, false);
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}
