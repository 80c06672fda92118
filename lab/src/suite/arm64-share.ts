/** What an arm64 guest runs in each run of the tests, and not only in the matrix. */

/** The oldest one, which has least of what other kernels have: no trampolines, hence kprobes and their registers. */
export const arm64Kernel = '6.1-arm64';

/**
 * Files that show most of what an architecture changes: programs verified and their just-in-time code run, each way to attach
 * one, registers, symbols of system calls, layouts of structs, buffers, fields that are discovered, the tracer's cases, packets
 * through the balancer.
 */
const files: readonly string[] = [
  'lab/dist/test/environment.root.test.js',
  'packages/balancer/dist/test/packets.root.test.js',
  ...['attach', 'features', 'kernel-structs', 'link', 'load', 'reader', 'sys'].map(
    (name) => `packages/ebpf/dist/test/${name}.root.test.js`,
  ),
  ...['cases', 'discovery', 'fd', 'udp'].map((name) => `packages/tracer/dist/test/${name}.root.test.js`),
];

/** Whether a compiled test file, relative to the checkout, is one of them. */
export function isForArm64(path: string): boolean {
  return files.includes(path);
}
