/** The C programs in `lab/load`: load generators and other helpers of tests, linked statically to run in any guest. */

import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { run } from './command.js';
import { cacheFolder, repository } from './paths.js';
import { type Platform, platforms } from './platforms.js';

export interface LoadPrograms {
  /** The folder that holds all of them. */
  readonly folder: string;
  /** Path of each by its name, which is that of its folder of sources, or of its one source without `.c`. */
  readonly paths: Readonly<Record<string, string>>;
}

/**
 * Compiles the helpers with gcc, unless that was done before from the same sources.
 *
 * @param platform The machine that they are for. Default: x64.
 *
 * @throws Error with the compiler's messages.
 */
export async function buildLoad({ architecture, compiler }: Platform = platforms.x64): Promise<LoadPrograms> {
  const sources = join(repository, 'lab/load');
  const files = (existsSync(sources) ? readdirSync(sources, { recursive: true, encoding: 'utf8' }) : [])
    .filter((name) => /\.[ch]$/.test(name))
    .sort();
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(join(sources, file)));
  const folder = join(
    architecture === 'x64' ? cacheFolder('load') : cacheFolder(`load-${architecture}`),
    hash.digest('hex').slice(0, 16),
  );
  const programs = new Map<string, string[]>();
  for (const file of files.filter((name) => name.endsWith('.c'))) {
    const name = file.includes('/') ? dirname(file) : basename(file, '.c');
    programs.set(name, [...(programs.get(name) ?? []), join(sources, file)]);
  }
  if (!existsSync(folder)) {
    const partial = mkdtempSync(`${folder}-`);
    try {
      for (const [name, parts] of programs) {
        const flags = ['-static', '-O2', '-Wall', '-Wextra', '-Werror', '-pthread', '-D_GNU_SOURCE'];
        await run(compiler, [...flags, '-o', join(partial, name), ...parts]);
      }
      if (!existsSync(folder)) renameSync(partial, folder);
    } finally {
      rmSync(partial, { recursive: true, force: true });
    }
  }
  return {
    folder,
    paths: Object.fromEntries([...programs.keys()].map((name) => [name, join(folder, name)])),
  };
}
