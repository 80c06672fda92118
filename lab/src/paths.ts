/** Where things are: the checkout this file belongs to, and the cache that outlives it. */

import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout's root. This module runs from `lab/dist/src`. */
export const repository = fileURLToPath(new URL('../../../', import.meta.url)).replace(/\/$/, '');

/** `WEIR_LAB_CACHE`, or `weir-lab` in the user's cache folder: kernels, QEMU, package lists, packed guests. */
export const cache =
  process.env.WEIR_LAB_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'weir-lab');

/** A folder below the cache, made if it is not there. */
export function cacheFolder(...parts: string[]): string {
  const path = join(cache, ...parts);
  mkdirSync(path, { recursive: true });
  return path;
}
