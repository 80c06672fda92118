/** The running kernel's own types. */
import { readFileSync } from 'node:fs';
import { mapFile } from '../sys/map-file.js';
import { Btf } from './parse.js';

/** Where the kernel shows its BTF. Since Linux 5.4, with CONFIG_DEBUG_INFO_BTF. */
export const kernelBtfPath = '/sys/kernel/btf/vmlinux';

let cached: Btf | undefined;

/**
 * The running kernel's BTF, parsed once; undefined where the kernel has none (5.4, CONFIG_DEBUG_INFO_BTF).
 * @throws FormatError if it cannot be understood; the file system's error if it exists and cannot be read.
 */
export function kernelBtf(): Btf | undefined {
  if (cached !== undefined) return cached;
  let bytes: Uint8Array;
  try {
    bytes = mapFile(kernelBtfPath) ?? readFileSync(kernelBtfPath);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  cached = Btf.parse(bytes);
  return cached;
}
