/** The packages that npm publishes: what lies in `packages`, in the order of their names. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '@weir/lab';

/** The part of a package.json that is read here. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description?: string;
  readonly license?: string;
  readonly keywords?: readonly string[];
  readonly homepage?: string;
  readonly repository?: { readonly type: string; readonly url: string; readonly directory?: string };
  readonly bugs?: { readonly url: string };
  readonly engines?: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly files?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly publishConfig?: { readonly access?: string };
}

export interface PublishedPackage {
  /** Relative to the checkout. */
  readonly folder: string;
  readonly manifest: Manifest;
}

export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(repository, folder, 'package.json'), 'utf8')) as Manifest;
}

export function publishedPackages(): PublishedPackage[] {
  return readdirSync(join(repository, 'packages'))
    .sort()
    .map((name) => `packages/${name}`)
    .map((folder) => ({ folder, manifest: readManifest(folder) }));
}

/** The version that all packages have. */
export function releaseVersion(): string {
  return readManifest('packages/cli').version;
}
