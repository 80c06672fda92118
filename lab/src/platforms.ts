/** The two kinds of machine that guests are: what differs between them in packages, QEMU and compilers. */

/** As in `process.arch`. */
export type Architecture = 'x64' | 'arm64';

export interface Platform {
  readonly architecture: Architecture;
  /** Debian's name for it. */
  readonly debian: 'amd64' | 'arm64';
  /** The folder of libraries. */
  readonly triplet: string;
  readonly compiler: string;
  readonly qemu: {
    /** Debian's package. */
    readonly package: string;
    readonly program: string;
    /** The board and its processors. */
    readonly machine: readonly string[];
  };
  /** The first serial line; init uses the second as well. */
  readonly console: string;
}

/**
 * All that TCG can do, but for: five levels of page tables, which make every walk longer; and fast string instructions.
 * Where a processor has those, Linux and glibc copy and clear memory by the byte (`rep movsb`), which TCG does one by
 * one. Without them they do so by the word, and tests take a quarter less.
 */
const x64Processor = ['max', 'la57', 'erms', 'fsrm', 'fzrm', 'fsrs', 'fsrc'].join(',-');

/** All that TCG can do, but for signed pointers, whose signatures it computes by many instructions, and large vectors. */
const arm64Processor = ['max', 'pauth=off', 'sve=off', 'sme=off'].join(',');

export const platforms: Readonly<Record<Architecture, Platform>> = {
  x64: {
    architecture: 'x64',
    debian: 'amd64',
    triplet: 'x86_64-linux-gnu',
    compiler: 'gcc',
    qemu: {
      package: 'qemu-system-x86',
      program: 'qemu-system-x86_64',
      machine: ['-machine', 'q35', '-accel', 'tcg', '-cpu', x64Processor],
    },
    console: 'ttyS0',
  },
  arm64: {
    architecture: 'arm64',
    debian: 'arm64',
    triplet: 'aarch64-linux-gnu',
    compiler: 'aarch64-linux-gnu-gcc',
    qemu: {
      package: 'qemu-system-arm',
      program: 'qemu-system-aarch64',
      machine: ['-machine', 'virt,gic-version=3', '-accel', 'tcg', '-cpu', arm64Processor],
    },
    console: 'ttyAMA0',
  },
};
