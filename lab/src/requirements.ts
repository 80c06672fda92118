/** Debian packages that the tests and kernel builds need besides Node.js, and their installation. */

import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { attempt, run } from './command.js';

/**
 * Packages for compiling test objects and helpers, for comparing with other tools, for the shells that completion is tried
 * in, for the browser that opens the page, for real traffic, for reading protobuf, for ClickHouse's protocol, for packages of
 * other systems and of this one, for the machine like CentOS 8, and for fetching kernels.
 */
export const testPackages: readonly string[] = [
  'binutils',
  'bpftool',
  'chromium',
  'clang-19',
  'clickhouse-server',
  'curl',
  'debian-archive-keyring',
  'debootstrap',
  'fish',
  'fonts-dejavu-core',
  'gcc',
  'gcc-aarch64-linux-gnu',
  'iproute2',
  'libbpf-dev',
  'libc6-dev',
  'libc6-dev-arm64-cross',
  'libcap2-bin',
  'lintian',
  'linux-libc-dev',
  'llvm-19',
  'nftables',
  'nginx-light',
  'prometheus',
  'protobuf-compiler',
  'rpm',
  'rpmlint',
  'skopeo',
  'systemd',
  'tmux',
  'umoci',
  'util-linux',
  'vagrant',
  'xz-utils',
  'zsh',
  'zstd',
];

/** Packages for building a kernel. */
export const kernelBuildPackages: readonly string[] = [
  'bc',
  'binutils',
  'bison',
  'debian-archive-keyring',
  'flex',
  'gcc',
  'libc6-dev',
  'libelf-dev',
  'make',
  'xz-utils',
];

/** Returns the packages that are not installed. */
export async function missingPackages(packages: readonly string[]): Promise<string[]> {
  const status = (await attempt('dpkg', ['-s', ...packages])).stdout.toString();
  const listed = status
    .split(/\n\n/)
    .filter((paragraph) => paragraph.includes('\nStatus: install ok installed\n'));
  const installed = new Set(listed.map((paragraph) => /^Package: (.*)$/m.exec(paragraph)?.[1]));
  return packages.filter((name) => !installed.has(name));
}

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/**
 * Installs what is missing, by default of all that the tests need, if this is root. Returns what is still missing.
 *
 * @throws Error with apt's messages if the installation fails.
 */
export async function installRequirements(
  packages: readonly string[] = [...new Set([...testPackages, ...kernelBuildPackages])],
): Promise<string[]> {
  const missing = await missingPackages(packages);
  if (missing.length === 0 || !isRoot()) return missing;
  process.stdout.write(`installing ${missing.join(' ')}\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '-qq'], { env });
  await withoutServices(async () => {
    await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], { env });
  });
  return missingPackages(packages);
}

/** Debian's way to say whether packages may start the services that they bring. */
const servicePolicy = '/usr/sbin/policy-rc.d';

/** Installs without starting anything, such as a web server on all addresses. */
async function withoutServices(install: () => Promise<void>): Promise<void> {
  if (existsSync(servicePolicy)) return install();
  writeFileSync(servicePolicy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await install();
  } finally {
    rmSync(servicePolicy, { force: true });
  }
}
