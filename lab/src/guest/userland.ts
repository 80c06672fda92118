/**
 * The programs of a guest: Node.js as this machine runs it, or of its major for another architecture, and a small Debian 12 around it. Debian's part is the same on
 * every machine, whatever distribution that runs.
 */

import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { arm64Suites, suites } from '../apt.js';
import { run } from '../command.js';
import { withLock } from '../lock.js';
import { nodeExecutable } from '../npm/node-versions.js';
import { cacheFolder } from '../paths.js';
import { type Platform, platforms } from '../platforms.js';
import { CpioWriter } from './cpio.js';

/** dash is the shell, as busybox's own prefers its applets to the real `ip`. */
const basePackages = [
  'bpftool',
  'busybox-static',
  'dash',
  'iproute2',
  'libcap2-bin',
  'libstdc++6',
  'nftables',
  'util-linux',
];

/** Dependencies that no guest uses unless it asks for them: package management, and Perl for configuration questions. */
const omitted = new Set([
  'debconf',
  'dpkg',
  'gcc-12-base',
  'libdb5.3',
  'perl-base',
  'tar',
  'debianutils',
  'libc-bin',
]);

const ownMajor = process.versions.node.split('.', 1)[0]!;

const unused =
  /^usr\/(share\/(?!terminfo|bpftrace)|include\/|lib\/(systemd|udev|tmpfiles\.d|[\w-]+-linux-gnu\/(gconv|perl-base)\/))|^var\//;

/** Unpacks Debian 12 packages with their dependencies, once for each set of packages. Returns the folder. */
async function unpackPackages(packages: readonly string[], { architecture }: Platform): Promise<string> {
  const name = [...packages].sort().join('+');
  const parent = architecture === 'x64' ? cacheFolder('guest') : cacheFolder(`guest-${architecture}`);
  const folder = join(parent, packages === basePackages ? `base+${name}` : `with-${name}`);
  await withLock(`${folder}.lock`, async () => {
    if (existsSync(folder)) return;
    const partial = mkdtempSync(`${folder}-`);
    try {
      const { bookworm } = architecture === 'x64' ? suites : arm64Suites;
      const omit = new Set([...omitted].filter((name) => !packages.includes(name)));
      await bookworm.unpack(packages, partial, { dependencies: true, omit });
      renameSync(partial, folder);
    } finally {
      rmSync(partial, { recursive: true, force: true });
    }
  });
  return folder;
}

/** Path of the base archive: the system and Node.js. Packed once for each Node.js executable. */
export async function baseArchive(platform: Platform = platforms.x64): Promise<string> {
  const isOwn = platform.architecture === process.arch;
  const node = isOwn ? process.execPath : await nodeExecutable(ownMajor, platform.architecture);
  const { size, mtimeMs } = statSync(node);
  const identity = [node, size, mtimeMs, process.version, ...basePackages, unused.source].join();
  const key = createHash('sha256').update(identity).digest('hex').slice(0, 12);
  const folder = cacheFolder('guest');
  const archive = join(folder, `base-${key}.cpio`);
  await withLock(`${archive}.lock`, async () => {
    if (existsSync(archive)) return;
    const root = await unpackPackages(basePackages, platform);
    using writer = new CpioWriter(archive);
    for (const path of ['dev', 'proc', 'sys', 'run', 'tmp', 'root', 'etc']) writer.directory(path);
    writer.file(
      'etc/passwd',
      Buffer.from('root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n'),
    );
    writer.file('etc/group', Buffer.from('root:x:0:\nnogroup:x:65534:\n'));
    writer.file('etc/hosts', Buffer.from('127.0.0.1 localhost\n::1 localhost\n'));
    writer.tree('', root, (path) => !unused.test(path) && path !== 'bin/sh');
    writer.symlink('bin/sh', 'dash');
    writer.copy('usr/bin/node', node);
    // One for another architecture needs nothing beyond Debian's C and C++ libraries.
    for (const library of isOwn ? await sharedLibraries(node) : []) {
      const places = ['lib', `lib/${platform.triplet}`, `usr/lib/${platform.triplet}`];
      if (!places.some((place) => writer.has(`${place}/${basename(library)}`))) {
        writer.copy(`usr/lib/${platform.triplet}/${basename(library)}`, library);
      }
    }
    writer.finish();
  });
  return archive;
}

/** Path of an archive with more packages of Debian 12 and what they need beyond the base. */
export async function packageArchive(packages: readonly string[], platform: Platform): Promise<string> {
  const root = await unpackPackages(packages, platform);
  const base = await unpackPackages(basePackages, platform);
  const archive = `${root}.cpio`;
  await withLock(`${archive}.lock`, async () => {
    if (existsSync(archive)) return;
    using writer = new CpioWriter(archive);
    writer.tree(
      '',
      root,
      (path) => !unused.test(path) && (path.endsWith('/') || !existsSync(join(base, path))),
    );
    writer.finish();
  });
  return archive;
}

async function sharedLibraries(program: string): Promise<string[]> {
  const out = (await run('ldd', [program])).toString();
  return [...out.matchAll(/=> (\/\S+)/g)].map((match) => match[1]!);
}
