/** In the place of node:fs, in modules that read files of their package. */

import { accessSync as accessFile, type PathLike, readFileSync as readFile } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readAsset } from './assets.js';

export { constants } from 'node:fs';

function textOf(path: PathLike): string {
  return path instanceof URL ? fileURLToPath(path) : String(path);
}

export function readFileSync(path: PathLike, encoding?: BufferEncoding): Buffer | string {
  const bytes = readAsset(textOf(path));
  if (bytes === undefined) return readFile(path, encoding);
  return encoding === undefined ? bytes : bytes.toString(encoding);
}

export function accessSync(path: PathLike, mode?: number): void {
  if (readAsset(textOf(path)) === undefined) accessFile(path, mode);
}
