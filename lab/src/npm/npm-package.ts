/** Packages from npm that are not installed here, such as those for machines of another kind: unpacked into the cache. */

import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../command.js';
import { withLock } from '../lock.js';
import { cacheFolder } from '../paths.js';

export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  /** `sha512-` and base64, as npm writes it. */
  readonly integrity: string;
}

/** The unpacked folder of a package, from the cache or by npm. @throws Error if it is not the package that is expected. */
export async function fetchPackage({ name, version, integrity }: NpmPackage): Promise<string> {
  const folder = join(cacheFolder('npm'), `${name.replace('/', '-')}-${version}`);
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
