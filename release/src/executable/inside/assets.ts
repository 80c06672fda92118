/** Files inside the executable. They have paths as on a disk, below a folder that there is not. */

import { getAsset } from 'node:sea';

/** Where the packages would be. No file of the machine is read there. */
export const insideFolder = '/weir.executable';

const indexName = 'index.json';
let index: ReadonlySet<string> | undefined;

/** Names of all assets, relative to {@link insideFolder}. */
export function assetNames(): ReadonlySet<string> {
  index ??= new Set(JSON.parse(getAsset(indexName, 'utf8')) as string[]);
  return index;
}

function nameOf(path: string): string | undefined {
  return path.startsWith(`${insideFolder}/`) ? path.slice(insideFolder.length + 1) : undefined;
}

/** A copy of an asset's bytes, or undefined for a path elsewhere. */
export function readAsset(path: string): Buffer | undefined {
  const name = nameOf(path);
  // The executable's own memory, which cannot be written to, is not what callers expect.
  return name !== undefined && assetNames().has(name) ? Buffer.from(getAsset(name)) : undefined;
}

/** Names of the assets in a folder, without those below it. */
export function listAssets(folder: string): string[] {
  const prefix = nameOf(folder.endsWith('/') ? folder : `${folder}/`);
  if (prefix === undefined) return [];
  return [...assetNames()]
    .filter((name) => name.startsWith(prefix) && !name.includes('/', prefix.length))
    .map((name) => name.slice(prefix.length));
}
