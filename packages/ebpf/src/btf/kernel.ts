/** The running kernel's own types. */
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { SyscallError } from '../errors.js';
import { errnoOf, judgeFile } from '../features/kernel-files.js';
import { mapFile } from '../sys/map-file.js';
import { Btf } from './parse.js';

/** Where the kernel shows its BTF. Since Linux 5.4, with CONFIG_DEBUG_INFO_BTF. */
export const kernelBtfPath = '/sys/kernel/btf/vmlinux';

let cached: Btf | undefined;

/**
 * The running kernel's BTF, parsed once; undefined where the kernel has none (5.4, CONFIG_DEBUG_INFO_BTF).
 * @throws FormatError if it cannot be understood; SyscallError if it exists and cannot be read, with the reason.
 */
export function kernelBtf(): Btf | undefined {
  if (cached !== undefined) return cached;
  let bytes: Uint8Array;
  try {
    bytes = mapFile(kernelBtfPath) ?? readFileSync(kernelBtfPath);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === constants.errno.ENOENT) return undefined;
    const answer = judgeFile(errno, kernelBtfPath);
    throw new SyscallError('open', errno, answer.state === 'unknown' ? answer.reason : kernelBtfPath);
  }
  cached = Btf.parse(bytes, undefined, { deduplicated: true });
  return cached;
}
