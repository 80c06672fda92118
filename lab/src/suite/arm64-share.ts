/** What an arm64 guest runs in each run of the tests, and not only in the matrix. */

/** The kernel: the oldest, where most is lacking that other kernels have. */
export const arm64Kernel = '6.1-arm64';

/**
 * Files that show most of what an architecture changes: every program verified, each way to attach one, registers, symbols of
 * system calls, buffers, fields that are discovered, the tracer's cases, packets through the balancer.
 */
const files = ['lab/dist/test/environment'];

export function isForArm64(path: string): boolean {
  return files.some((start) => path.startsWith(start));
}
