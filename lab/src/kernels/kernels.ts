/** The kernels of the lab. Each is named by its series; they are kept unpacked and ready to boot, one folder a version. */

import { join } from 'node:path';
import { arm64Suites, suites } from '../apt.js';
import { withLock } from '../lock.js';
import { cacheFolder } from '../paths.js';
import type { Architecture } from '../platforms.js';
import { type BuildOptions, type BuiltSeries, builtKernel } from './built-kernel.js';
import { type Kernel, readCurrent } from './kernel-cache.js';
import { type PackagedSeries, packagedKernel } from './packaged-kernel.js';

export type { Kernel } from './kernel-cache.js';

export type KernelSeries = PackagedSeries | BuiltSeries;

const exactly = (major: number, minor: number) => (a: number, b: number) => a === major && b === minor;

/** The matrix of the tests on x64, oldest first. */
export const kernels: readonly KernelSeries[] = [
  {
    name: '5.10-nobtf',
    description: 'Debian 11, built without BTF',
    source: suites.bullseye,
    package: 'linux-source-5.10',
    config: 'lab/kernel/no-btf.config',
    // It has no security modules.
    without: ['lockdown'],
  },
  { name: '5.10', description: 'Debian 11', sources: [suites.bullseye], accepts: exactly(5, 10) },
  {
    name: '6.1',
    description: 'Debian 12',
    sources: [suites.bookworm],
    accepts: exactly(6, 1),
    partly: true,
  },
  {
    name: '6.12',
    description: 'Debian 13',
    sources: [suites.trixie],
    accepts: exactly(6, 12),
    partly: true,
  },
  {
    name: '6.18',
    description: 'the last of the 6.x line, Debian 13 backports',
    sources: [suites.trixie, suites.sid],
    accepts: (major, minor) => major === 6 && minor >= 18,
    partly: true,
  },
  {
    name: '7',
    description: 'the newest, Debian 13 backports',
    sources: [suites.trixie, suites.sid],
    accepts: (major) => major >= 7,
  },
];

/** The matrix of the tests on arm64. */
export const arm64Kernels: readonly PackagedSeries[] = [
  {
    name: '6.1-arm64',
    description: 'Debian 12, arm64',
    architecture: 'arm64',
    sources: [arm64Suites.bookworm],
    accepts: exactly(6, 1),
  },
  {
    name: '6.12-arm64',
    description: 'Debian 13, arm64',
    architecture: 'arm64',
    sources: [arm64Suites.trixie],
    accepts: exactly(6, 12),
  },
  {
    name: '7-arm64',
    description: 'the newest, Debian 13 backports, arm64',
    architecture: 'arm64',
    sources: [arm64Suites.trixie, arm64Suites.sid],
    accepts: (major) => major >= 7,
  },
];

/** Other builds of x64, on which tests run only where they are named: on this one, records are lost that tests miss. */
export const otherKernels: readonly PackagedSeries[] = [
  {
    name: '6.12-rt',
    description: 'Debian 13, CONFIG_PREEMPT_RT',
    flavour: 'rt',
    sources: [suites.trixie],
    accepts: exactly(6, 12),
  },
];

const all: readonly KernelSeries[] = [...kernels, ...otherKernels, ...arm64Kernels];

/** The machine that a kernel is for. */
export function architectureOf(wanted: KernelSeries): Architecture {
  return isBuilt(wanted) ? 'x64' : (wanted.architecture ?? 'x64');
}

/** @throws Error naming the kernels there are. */
export function series(name: string): KernelSeries {
  const found = all.find((kernel) => kernel.name === name);
  if (!found)
    throw new Error(`no kernel "${name}" in the lab: there are ${all.map((k) => k.name).join(', ')}`);
  return found;
}

/** Whether a kernel is compiled here, and not fetched. */
export function isBuilt(wanted: KernelSeries): wanted is BuiltSeries {
  return 'config' in wanted;
}

const pending = new Map<string, Promise<Kernel>>();

/**
 * The newest kernel of a series, fetched or built if it is not in the cache: once in this process, whoever asks.
 *
 * @param options Apply to kernels that are built here.
 * @throws CannotBuildError if it would have to be built, and that is not possible or not wanted.
 * @throws Error if it cannot be fetched and is not in the cache.
 */
export function kernel(name: string, options: BuildOptions = {}): Promise<Kernel> {
  const wanted = series(name);
  let found = pending.get(name);
  if (!found) {
    found = withLock(join(cacheFolder('kernels'), `${name}.lock`), () =>
      isBuilt(wanted) ? builtKernel(wanted, options) : packagedKernel(wanted),
    );
    pending.set(name, found);
  }
  return found;
}

/** The cached kernel of a series; the mirror is not asked. */
export function cachedKernel(name: string): { release: string; version: string } | undefined {
  return readCurrent(name);
}
