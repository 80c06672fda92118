/**
 * Loads native code. The system loads it from files only: one beside the executable, or else from inside it, through a file without a
 * name, which nobody else can replace.
 */

import {
  closeSync,
  constants,
  lstatSync,
  mkdtempSync,
  openSync,
  realpathSync,
  rmSync,
  type Stats,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { insideFolder, readAsset } from './assets.js';

/** O_TMPFILE of x86 and arm64 (Linux 3.11): with O_DIRECTORY, as the kernel asks for. */
const UNNAMED = 0o20000000 | constants.O_DIRECTORY;
/** Some of these are mounted with `noexec` on one system or another. */
const folders = [tmpdir(), '/dev/shm', '/run', '/var/tmp'];

interface NativeModule {
  exports: unknown;
}

const loaded = new Map<string, unknown>();

/** Whether only root, or the owner of the executable, can have put a file there. */
function isTrusted(file: Stats, executable: Stats): boolean {
  return file.isFile() && (file.uid === 0 || file.uid === executable.uid) && (file.mode & 0o022) === 0;
}

/** Path of a file beside the executable. Undefined if there is none. @throws Error if others may write to it. */
function beside(name: string): string | undefined {
  const executable = realpathSync(process.execPath);
  const path = join(dirname(executable), name);
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  if (!isTrusted(stats, lstatSync(executable))) {
    throw new Error(
      `${path} is not loaded: it must be a file of root or of the owner of ${executable}, and writable for nobody else`,
    );
  }
  return path;
}

function load(path: string): unknown {
  const module: NativeModule = { exports: {} };
  process.dlopen(module, path);
  return module.exports;
}

function loadUnnamed(bytes: Buffer, folder: string): unknown {
  const fd = openSync(folder, UNNAMED | constants.O_RDWR, 0o600);
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    return load(`/proc/self/fd/${fd}`);
  } finally {
    closeSync(fd);
  }
}

/** For file systems that have no files without names. */
function loadFromPrivateFolder(bytes: Buffer, name: string, parent: string): unknown {
  const folder = mkdtempSync(join(parent, 'weir-'));
  try {
    const { uid, mode } = lstatSync(folder);
    if (uid !== process.geteuid?.() || (mode & 0o777) !== 0o700) throw new Error(`${folder} is not private`);
    const path = join(folder, name);
    writeFileSync(path, bytes, { mode: 0o600, flag: 'wx' });
    return load(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function loadInside(name: string, bytes: Buffer): unknown {
  const failures: string[] = [];
  for (const way of [loadUnnamed, (data: Buffer, at: string) => loadFromPrivateFolder(data, name, at)]) {
    for (const folder of folders) {
      try {
        return way(bytes, folder);
      } catch (error) {
        failures.push(`${folder}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
  const places = [...new Set(failures)].join('; ');
  throw new Error(
    `${name} cannot be loaded: it needs a folder that is writable and not mounted with noexec, such as ` +
      `TMPDIR=/var/tmp, or to be beside ${process.execPath}. Tried: ${places}`,
  );
}

/**
 * Returns what a native module exports.
 *
 * @throws Error that says where it was looked for.
 */
export function loadNative(name: string): unknown {
  if (loaded.has(name)) return loaded.get(name);
  const path = beside(name);
  const bytes = path === undefined ? readAsset(`${insideFolder}/native/${name}`) : undefined;
  if (path === undefined && bytes === undefined) {
    throw new Error(
      `${name} must be beside ${process.execPath}, as in the release's archive: histories need it`,
    );
  }
  const exports = path === undefined ? loadInside(name, bytes!) : load(path);
  loaded.set(name, exports);
  return exports;
}
