/** What the executable needs of a system: the C and C++ libraries of a Debian, and no program. */

import { chmodSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { arm64Suites, platforms, suites, temporaryFolder } from '@weir/lab';
import type { Architecture } from '../executable/parts.js';

/** Debian's packages, the last for the licence of the two before it. */
const packages = ['libc6', 'libstdc++6', 'libgcc-s1', 'gcc-12-base'];

/** Libraries that the executable, koffi and DuckDB name, and those that the C library loads to look up users and hosts. */
const libraries = [
  ...['libc.so.6', 'libm.so.6', 'libdl.so.2', 'libpthread.so.0', 'librt.so.1'],
  ...['libresolv.so.2', 'libnss_files.so.2', 'libnss_dns.so.2', 'libgcc_s.so.1'],
];

const loaders: Readonly<Record<Architecture, { readonly link: string; readonly file: string }>> = {
  x64: { link: 'lib64/ld-linux-x86-64.so.2', file: 'ld-linux-x86-64.so.2' },
  arm64: { link: 'lib/ld-linux-aarch64.so.1', file: 'ld-linux-aarch64.so.1' },
};

const texts: Readonly<Record<string, string>> = {
  // The server of `weir serve` looks for the user weir.
  'etc/passwd': 'root:x:0:0:root:/root:/sbin/nologin\nweir:x:65532:65532:Weir:/var/lib/weir:/sbin/nologin\n',
  'etc/group': 'root:x:0:\nweir:x:65532:\n',
  'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
};

/** Folders that are empty, or where something is mounted. */
const folders = ['dev', 'proc', 'sys', 'run/weir', 'root', 'etc/weir', 'var/lib/weir', 'var/tmp'];

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true, verbatimSymlinks: true });
}

/**
 * Writes the files into a folder and returns the names of Debian's packages with their versions.
 *
 * @throws Error if Debian's mirror does not have them.
 */
export async function writeBase(arch: Architecture, root: string): Promise<string[]> {
  const { bookworm } = arch === 'arm64' ? arm64Suites : suites;
  using temporary = temporaryFolder('weir-base-');
  const from = (path: string) => join(temporary.path, path);
  const records = await bookworm.show(packages);
  await bookworm.unpack(packages, temporary.path);
  const { triplet, debian } = platforms[arch];
  const { link, file } = loaders[arch];
  for (const name of [file, ...libraries])
    copy(from(`lib/${triplet}/${name}`), join(root, `lib/${triplet}/${name}`));
  copy(from(link), join(root, link));
  for (const name of ['libstdc++.so.6', 'libstdc++.so.6.0.30'])
    copy(from(`usr/lib/${triplet}/${name}`), join(root, `usr/lib/${triplet}/${name}`));
  for (const name of ['libc6', 'gcc-12-base'])
    copy(from(`usr/share/doc/${name}/copyright`), join(root, `usr/share/doc/${name}/copyright`));
  for (const name of folders) mkdirSync(join(root, name), { recursive: true });
  for (const [path, text] of Object.entries(texts)) writeFileSync(join(root, path), text);
  // Scanners look there for what an image without dpkg is made of.
  mkdirSync(join(root, 'var/lib/dpkg/status.d'), { recursive: true });
  for (const { name, version } of records) {
    const paragraph = `Package: ${name}\nStatus: install ok installed\nArchitecture: ${debian}\nVersion: ${version}\n`;
    writeFileSync(join(root, 'var/lib/dpkg/status.d', name), paragraph);
  }
  for (const name of ['tmp', 'var/tmp']) {
    mkdirSync(join(root, name), { recursive: true });
    chmodSync(join(root, name), 0o1777);
  }
  return records.map(({ name, version }) => `${name} ${version}`);
}
