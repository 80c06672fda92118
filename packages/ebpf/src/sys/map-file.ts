/** Files of sysfs as memory, without a copy in the process. */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { ffi } from './ffi.js';
import { pageSize } from './memory.js';
import { syscallRaw } from './syscalls.js';

const PROT_READ = 1;
const MAP_PRIVATE = 2;

/**
 * The content of a file that can be mapped, as the kernel's BTF can (6.16), for as long as the process runs; undefined where it
 * cannot. It can only be read: writing to it kills the process.
 *
 * @throws the file system's error if the file cannot be opened.
 */
export function mapFile(path: string): Uint8Array | undefined {
  const fd = openSync(path, 'r');
  try {
    const { size } = fstatSync(fd);
    if (size === 0) return undefined;
    const length = Math.ceil(size / pageSize()) * pageSize();
    const address = syscallRaw('mmap', 0, length, PROT_READ, MAP_PRIVATE, fd, 0);
    return address < 0 ? undefined : new Uint8Array(ffi().view(address, length), 0, size);
  } finally {
    closeSync(fd);
  }
}
