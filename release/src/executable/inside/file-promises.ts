/** In the place of node:fs/promises, in the module that reads the page. */

import { readdir as readFolder, readFile as readFromDisk } from 'node:fs/promises';
import { listAssets, readAsset } from './assets.js';

interface Entry {
  readonly name: string;
  isFile(): boolean;
}

export async function readdir(folder: string, options: { withFileTypes: true }): Promise<readonly Entry[]> {
  const names = listAssets(folder);
  return names.length === 0
    ? readFolder(folder, options)
    : names.map((name) => ({ name, isFile: () => true }));
}

export async function readFile(path: string): Promise<Buffer> {
  return readAsset(path) ?? readFromDisk(path);
}
