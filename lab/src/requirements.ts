/** What the tests need from Debian besides Node.js, and installing it. */

import { attempt, run } from './command.js';

/**
 * Packages for compiling test objects and helpers, for comparing with other tools, for the shells that completion is tried
 * in, and for fetching kernels.
 */
const packages = [
  'bpftool',
  'clang-19',
  'debian-archive-keyring',
  'fish',
  'gcc',
  'iproute2',
  'libbpf-dev',
  'libc6-dev',
  'libcap2-bin',
  'linux-libc-dev',
  'llvm-19',
  'tmux',
  'util-linux',
  'xz-utils',
  'zsh',
  'zstd',
];

async function missingPackages(): Promise<string[]> {
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
 * Installs what is missing if this is root. Returns what is still missing.
 *
 * @throws Error with apt's messages if the installation fails.
 */
export async function installRequirements(): Promise<string[]> {
  const missing = await missingPackages();
  if (missing.length === 0 || !isRoot()) return missing;
  process.stdout.write(`installing ${missing.join(' ')}\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '-qq'], { env });
  await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], { env });
  return missingPackages();
}
