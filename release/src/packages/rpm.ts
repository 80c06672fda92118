/** The RPM package, put together by rpmbuild from files that are there already. */

import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, temporaryFolder } from '@weir/lab';
import { runCompressor } from '../compress.js';
import type { Architecture } from '../executable/parts.js';
import { afterInstall, afterRemove, beforeRemove } from './maintainer.js';
import { rpmLayout, type TreeSource, writeTree } from './tree.js';

export const rpmArchitectures: Readonly<Record<Architecture, string>> = { x64: 'x86_64', arm64: 'aarch64' };

export const rpmName = (version: string, arch: Architecture): string =>
  `weir-${version}-1.${rpmArchitectures[arch]}.rpm`;

function spec(source: TreeSource, date: string): string {
  return `Name: weir
Version: ${source.version}
Release: 1
Summary: Shows which program talks to whom, and balances load
License: Apache-2.0
URL: https://github.com/weir-net/weir
Packager: The Weir authors
Group: Applications/Internet
AutoReqProv: no
Requires: libc.so.6(GLIBC_2.28)(64bit), libstdc++.so.6()(64bit), libgcc_s.so.1()(64bit), systemd

%description
Weir prints every TCP connection of a host as it is made, accepted, refused or
closed, with the process, the bytes, the retransmits and who hung up. It shows
live connections by traffic, keeps a history that a page and a command ask,
and spreads the load of an address over many servers in layer 4, with XDP.

%post
${afterInstall}

%preun
if [ "$1" = 0 ]; then
${beforeRemove}
fi

%postun
${afterRemove}
if [ "$1" = 0 ]; then rm -rf /run/weir; fi

%files
%dir /etc/weir
%config(noreplace) /etc/weir/serve.yaml
/usr/bin/weir
/usr/lib/weir
/usr/lib/systemd/system/weir-serve.service
/usr/lib/systemd/system/weir-balance@.service
/usr/lib/sysusers.d/weir.conf
/usr/lib/tmpfiles.d/weir.conf
/usr/share/man/man1/weir*.1.gz
/usr/share/bash-completion/completions/weir
%dir /usr/share/zsh
%dir /usr/share/zsh/site-functions
/usr/share/zsh/site-functions/_weir
%dir /usr/share/fish
%dir /usr/share/fish/vendor_completions.d
/usr/share/fish/vendor_completions.d/weir.fish
%doc /usr/share/doc/weir

%changelog
* ${date} The Weir authors <weir@localhost> - ${source.version}-1
- Release ${source.version}.
`;
}

/** The form of a changelog's date: `Sat Nov 28 2026`. */
function changelogDate(epoch: number): string {
  const [weekday, day, month, year] = new Date(epoch * 1000).toUTCString().replace(',', '').split(' ');
  return `${weekday} ${month} ${day} ${year}`;
}

/** Builds the package and returns its path. @param epoch Seconds since 1970, the time of all files in it. */
export async function buildRpm(
  source: TreeSource,
  into: string,
  options: { readonly epoch: number; readonly compression?: string },
): Promise<string> {
  using temporary = temporaryFolder('weir-rpm-');
  const work = temporary.path;
  const files = join(work, 'files');
  await writeTree(files, rpmLayout, source);
  copyFileSync(join(source.executable, 'LICENSE'), join(files, rpmLayout.documents, 'LICENSE'));
  await run('chmod', ['-R', 'u=rwX,go=rX', files]);
  const specFile = join(work, 'weir.spec');
  writeFileSync(specFile, spec(source, changelogDate(options.epoch)));
  const define = {
    _topdir: work,
    _build_id_links: 'none',
    _binary_payload: options.compression ?? 'w19.zstdio',
    __os_install_post: '%{nil}',
    use_source_date_epoch_as_buildtime: '1',
    clamp_mtime_to_source_date_epoch: '1',
    _buildhost: 'release',
    debug_package: '%{nil}',
  };
  const defines = Object.entries(define).flatMap(([name, value]) => ['--define', `${name} ${value}`]);
  const arch = rpmArchitectures[source.arch];
  await runCompressor('rpmbuild', ['-bb', '--target', arch, '--buildroot', files, ...defines, specFile], {
    env: { ...process.env, SOURCE_DATE_EPOCH: String(options.epoch) },
  });
  mkdirSync(into, { recursive: true });
  const name = rpmName(source.version, source.arch);
  const path = join(into, name);
  rmSync(path, { force: true });
  copyFileSync(join(work, 'RPMS', arch, name), path);
  return path;
}
