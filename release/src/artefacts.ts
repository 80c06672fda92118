/** The files of a release: their names, and the sums that whoever fetches them checks. */

import { createHash } from 'node:crypto';
import { createReadStream, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Architecture } from './executable/parts.js';
import type { PublishedPackage } from './npm/published.js';
import { debName } from './packages/deb.js';
import { rpmName } from './packages/rpm.js';

export const sumsName = 'SHA256SUMS';
export const sbomName = 'weir.cdx.json';
export const licencesName = 'THIRD-PARTY-LICENSES.txt';

/** The folder in the archive of an executable, and that archive's name without its ending. */
export const archiveName = (version: string, arch: Architecture): string => `weir-${version}-linux-${arch}`;
/** All architectures are in one image. */
export const imageName = (version: string): string => `weir-${version}-oci.tar`;
/** What `npm pack` calls a tarball. */
const tarballName = ({ name, version }: PublishedPackage['manifest']): string =>
  `${name.replace('@', '').replace('/', '-')}-${version}.tgz`;

export interface ReleaseContents {
  readonly version: string;
  readonly architectures: readonly Architecture[];
  readonly packages: readonly PublishedPackage[];
}

/** Names of all files of a release but that of their sums, sorted. */
export function artefactNames({ version, architectures, packages }: ReleaseContents): string[] {
  return [
    ...packages.map(({ manifest }) => tarballName(manifest)),
    ...architectures.flatMap((arch) => [
      `${archiveName(version, arch)}.tar.gz`,
      debName(version, arch),
      rpmName(version, arch),
    ]),
    imageName(version),
    sbomName,
    licencesName,
  ].sort();
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/**
 * Writes the sums of a release's files beside them, as `sha256sum -c` reads them.
 *
 * @throws Error unless the folder holds exactly the files that are named.
 */
export async function writeSums(folder: string, names: readonly string[]): Promise<void> {
  const found = readdirSync(folder).filter((name) => name !== sumsName);
  const missing = names.filter((name) => !found.includes(name));
  const unexpected = found.filter((name) => !names.includes(name));
  if (missing.length > 0) throw new Error(`${folder} lacks ${missing.join(', ')}`);
  if (unexpected.length > 0)
    throw new Error(`${folder} holds what is not of the release: ${unexpected.join(', ')}`);
  const lines: string[] = [];
  for (const name of names) lines.push(`${await sha256(join(folder, name))}  ${name}\n`);
  writeFileSync(join(folder, sumsName), lines.join(''));
}
