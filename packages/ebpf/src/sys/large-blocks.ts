/** How the C library keeps memory that was freed: mallopt(3). */
import { ffi } from './ffi.js';

const M_MMAP_THRESHOLD = -3;
const LARGE_BYTES = 128 * 1024;

/**
 * Gives blocks of 128 KiB and more back to the kernel when they are freed, from now on. By itself glibc raises that limit with each that is freed,
 * up to 32 MB, and keeps such blocks in its heap, for good where a small one lies behind them.
 *
 * @returns false where the C library is another one. musl gives them back anyway.
 */
export function giveBackLargeBlocks(): boolean {
  return ffi().mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
}
