/** The Debian package, put together by dpkg-deb alone. */

import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, temporaryFolder } from '@weir/lab';
import { runCompressor } from '../compress.js';
import type { Architecture } from '../executable/parts.js';
import { afterInstall, afterRemove, beforeRemove, removeData } from './maintainer.js';
import { compress, debianLayout, type TreeSource, writeTree } from './tree.js';

export const debianArchitectures: Readonly<Record<Architecture, string>> = { x64: 'amd64', arm64: 'arm64' };

export const debName = (version: string, arch: Architecture): string =>
  `weir_${version}_${debianArchitectures[arch]}.deb`;

const maintainer = 'The Weir authors <weir@localhost>';

/** What is published takes long to compress, what is tested need not. */
export type Compression = 'xz' | 'none';

function filesBelow(folder: string, prefix = ''): string[] {
  return readdirSync(join(folder, prefix), { withFileTypes: true })
    .flatMap((entry) => {
      const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
      return entry.isDirectory() ? filesBelow(folder, path) : [path];
    })
    .sort();
}

function control(source: TreeSource, kilobytes: number): string {
  return `Package: weir
Version: ${source.version}
Architecture: ${debianArchitectures[source.arch]}
Maintainer: ${maintainer}
Installed-Size: ${kilobytes}
Depends: libc6 (>= 2.28), libgcc-s1 (>= 3.0), libstdc++6 (>= 5), systemd | systemd-standalone-sysusers | systemd-sysusers
Section: net
Priority: optional
Description: shows which program talks to whom, and balances load
 Weir prints every TCP connection of a host as it is made, accepted, refused or
 closed, with the process, the bytes, the retransmits and who hung up. It shows
 live connections by traffic, keeps a history that a page and a command ask,
 and spreads the load of an address over many servers in layer 4, with XDP.
 .
 It works with eBPF. No compiler and no kernel headers are needed.
`;
}

const script = (body: string) => `#!/bin/sh\nset -e\n\n${body}\n`;

const scripts: Readonly<Record<string, string>> = {
  postinst: script(`if [ "$1" = configure ]; then\n${afterInstall}\nfi`),
  prerm: script(`if [ "$1" = remove ]; then\n${beforeRemove}\nfi`),
  postrm: script(`${afterRemove}\nif [ "$1" = purge ]; then\n${removeData}\nfi`),
};

const copyright = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: weir
Comment: THIRD-PARTY-LICENSES.txt in this folder has the licences of what is
 in /usr/lib/weir beside Weir itself: Node.js, koffi, DuckDB and others.

Files: *
Copyright: 2026 The Weir authors
License: Apache-2.0

License: Apache-2.0
 On Debian systems, the text is in /usr/share/common-licenses/Apache-2.0.
`;

/** What lintian finds and is meant so, each with the reason. */
const overrides = `# Node.js with the application in it: stripping would take that away. DuckDB and koffi are as their projects build them.
weir: unstripped-binary-or-object [usr/lib/weir/*]
# They are parts of Node.js and DuckDB as those are published, with the versions that are tested.
weir: embedded-library *
weir: hardening-no-relro [usr/lib/weir/*]
weir: hardening-no-pie [usr/lib/weir/*]
weir: hardening-no-bindnow [usr/lib/weir/*]
weir: hardening-no-fortify-functions [usr/lib/weir/*]
weir: shared-library-lacks-stack-section [usr/lib/weir/*]
weir: shared-library-lacks-prerequisites [usr/lib/weir/*]
# The package is built outside Debian, from a release.
weir: no-changelog *
weir: initial-upload-closes-no-bugs *
weir: bogus-mail-host-in-debian-changelog *
weir: bogus-mail-host *
weir: mail-address-loops-or-bounces *
# systemctl is called only where systemd runs, for units that are found by their pattern.
weir: maintainer-script-calls-systemctl *
`;

/**
 * Builds the package and returns its path.
 *
 * @param epoch Seconds since 1970, the time of all files in it.
 */
export async function buildDeb(
  source: TreeSource,
  into: string,
  options: { readonly epoch: number; readonly compression?: Compression },
): Promise<string> {
  using temporary = temporaryFolder('weir-deb-');
  const root = temporary.path;
  chmodSync(root, 0o755);
  await writeTree(root, debianLayout, source);
  const documents = join(root, debianLayout.documents);
  writeFileSync(join(documents, 'copyright'), copyright);
  const date = new Date(options.epoch * 1000).toUTCString().replace('GMT', '+0000');
  const changelog = `weir (${source.version}) unstable; urgency=medium\n\n  * Release ${source.version}.\n\n -- ${maintainer}  ${date}\n`;
  writeFileSync(join(documents, 'changelog.gz'), compress(changelog));
  mkdirSync(join(root, 'usr/share/lintian/overrides'), { recursive: true });
  writeFileSync(join(root, 'usr/share/lintian/overrides/weir'), overrides);
  const files = filesBelow(root);
  const bytes = files.reduce((sum, file) => sum + statSync(join(root, file)).size, 0);
  const sums = files
    .filter((file) => !file.startsWith('etc/'))
    .map(
      (file) =>
        `${createHash('md5')
          .update(readFileSync(join(root, file)))
          .digest('hex')}  ${file}\n`,
    );
  const meta = join(root, 'DEBIAN');
  mkdirSync(meta);
  writeFileSync(join(meta, 'control'), control(source, Math.ceil(bytes / 1024)));
  writeFileSync(join(meta, 'md5sums'), sums.join(''));
  writeFileSync(join(meta, 'conffiles'), '/etc/weir/serve.yaml\n');
  for (const [name, text] of Object.entries(scripts)) {
    writeFileSync(join(meta, name), text);
    chmodSync(join(meta, name), 0o755);
  }
  await run('chmod', ['-R', 'u=rwX,go=rX', root]);
  mkdirSync(into, { recursive: true });
  const path = join(into, debName(source.version, source.arch));
  rmSync(path, { force: true });
  const compression = options.compression ?? 'xz';
  await runCompressor('dpkg-deb', ['--root-owner-group', `-Z${compression}`, '--build', root, path], {
    env: { ...process.env, SOURCE_DATE_EPOCH: String(options.epoch) },
  });
  return path;
}
