/** Kernels on disk: a folder for each series, in it one for each version, and a note of which one is current. */

import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../paths.js';
import type { Architecture } from '../platforms.js';

/** A kernel on disk, ready to boot. */
export interface Kernel {
  readonly name: string;
  readonly architecture: Architecture;
  /** As `uname -r` says it. */
  readonly release: string;
  /** The Debian package's version. */
  readonly version: string;
  /** Path of the bootable image. */
  readonly image: string;
  /** Path of a cpio archive with the modules guests use, decompressed, and `lib/weir/modules`, their load order. */
  readonly modules: string;
  /** Path of the true offsets of its fields, for a kernel that was built here: JSON, `{"struct.field": offset}`. */
  readonly offsets?: string;
}

/** The current kernel of a series. */
export interface Current {
  readonly release: string;
  readonly version: string;
  /** Name of its folder. */
  readonly folder: string;
}

function notePath(series: string): string {
  return join(cacheFolder('kernels', series), 'current.json');
}

/** The cached kernel of a series; the mirror is not asked. */
export function readCurrent(series: string): Current | undefined {
  const path = notePath(series);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Current) : undefined;
}

/** Makes a folder of the series current and removes the others. The caller holds the series' lock. */
export function makeCurrent(series: string, current: Current): void {
  writeFileSync(notePath(series), JSON.stringify(current));
  const folder = cacheFolder('kernels', series);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory() && entry.name !== current.folder) {
      rmSync(join(folder, entry.name), { recursive: true, force: true });
    }
  }
}
