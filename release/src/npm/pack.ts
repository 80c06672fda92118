/** Tarballs as `npm publish` would send them. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { repository, run } from '@weir/lab';
import { publishedPackages } from './published.js';
import { withPlainModes } from './tar-modes.js';

/**
 * Packs every published package into a folder, from what is compiled, and returns the paths of the tarballs by name of the package.
 *
 * @throws Error with npm's messages.
 */
export async function packAll(into: string): Promise<Map<string, string>> {
  mkdirSync(into, { recursive: true });
  const packages = publishedPackages();
  const workspaces = packages.flatMap(({ folder }) => ['-w', folder]);
  // `prepare` of the checkout would build everything once more.
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', into, ...workspaces];
  const output = (await run('npm', args, { cwd: repository })).toString();
  const packed = JSON.parse(output) as { name: string; filename: string }[];
  const tarballs = new Map(packed.map(({ name, filename }) => [name, join(into, filename)]));
  // npm takes modes from the checkout, where they are what the umask left of them.
  for (const path of tarballs.values())
    writeFileSync(path, gzipSync(withPlainModes(gunzipSync(readFileSync(path))), { level: 9 }));
  return tarballs;
}
