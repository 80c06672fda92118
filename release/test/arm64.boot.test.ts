/** What is published for arm64 runs on an arm64 kernel: both packages as their package managers install them, and the image. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type BootResult, boot, run, temporaryFolder } from '@weir/lab';
import { buildImage } from '../src/container/image.js';
import { buildExecutable } from '../src/executable/build.js';
import { fetchParts } from '../src/executable/parts.js';
import { releaseVersion } from '../src/npm/published.js';
import { buildDeb } from '../src/packages/deb.js';
import { buildRpm } from '../src/packages/rpm.js';
import type { TreeSource } from '../src/packages/tree.js';

const folder = temporaryFolder('weir-arm64-test-');
const at = (...parts: string[]) => join(folder.path, ...parts);
after(() => folder[Symbol.dispose]());

/**
 * One guest answers all questions, a section each. It has no Node.js, and is no whole system: its package managers know of no package that ours
 * needs.
 */
const script = `
rm /usr/bin/node
mkdir -p /var/lib/dpkg/info /var/lib/dpkg/updates /var/log; touch /var/lib/dpkg/status
section() { printf '== %s\\n' "$1"; }
traced() {
  "$@" trace --json -e fail >/tmp/out 2>/tmp/err & tracer=$!
  until [ -s /tmp/out ]; do kill -0 $tracer || { cat /tmp/err; return 1; }; nc 127.0.0.1 4242 2>/dev/null; sleep 0.2; done
  kill $tracer; wait $tracer; head -n 1 /tmp/out; rm /tmp/out /tmp/err
}
left() { find /usr /etc /lib/systemd -name '*weir*'; }
section debInstalled; dpkg --force-depends -i /opt/weir.deb && dpkg-query -W -f '\${Architecture} \${Version}\\n' weir
section debVersion; weir --version; getent passwd weir | cut -d: -f6
section debDoctor; weir doctor --json
section debTraced; traced weir
section debGone; dpkg -P weir >/dev/null 2>&1; left
section rpmInstalled; rpm -i --nodeps /opt/weir.rpm && rpm -q --qf '%{ARCH} %{VERSION}\\n' weir
section rpmVersion; weir --version; getent passwd weir | cut -d: -f6
section rpmTraced; traced weir
section rpmGone; rpm -e weir >/dev/null 2>&1; left
for each in proc sys dev tmp; do mount --rbind /$each /opt/image/$each; done
section imageVersion; chroot /opt/image /usr/bin/weir --version
section imageTraced; traced chroot /opt/image /usr/bin/weir
`;

describe('what is published for arm64', () => {
  const version = releaseVersion();
  let result: BootResult;
  let sections: ReadonlyMap<string, string>;

  before(async () => {
    await buildExecutable('arm64', at('built'));
    const source: TreeSource = {
      ...{ executable: at('built'), arch: 'arm64', version },
      parts: await fetchParts('arm64'),
    };
    const epoch = 1_790_000_000;
    const deb = await buildDeb(source, at('deb'), { epoch, compression: 'none' });
    const rpm = await buildRpm(source, at('rpm'), { epoch, compression: 'w.ufdio' });
    await buildImage([source], at('image'), { version, epoch, compression: 'none' });
    const image = `${at('image')}:${version}`;
    await run('skopeo', ['--override-arch', 'arm64', 'copy', '-q', `oci:${image}`, `oci:${at('one')}:own`]);
    await run('umoci', ['unpack', '--image', `${at('one')}:own`, at('bundle')]);
    result = await boot({
      kernel: '6.12-arm64',
      memory: 4096,
      timeoutMs: 400_000,
      command: script,
      packages: ['dpkg', 'libc-bin', 'rpm', 'systemd-standalone-sysusers', 'tar'],
      files: { '/opt/weir.deb': deb, '/opt/weir.rpm': rpm, '/opt/image': at('bundle/rootfs') },
    });
    const parts = result.output.split(/^== (\w+)\n/m);
    sections = new Map(parts.flatMap((name, i) => (i % 2 === 1 ? [[name, parts[i + 1]!]] : [])));
  });

  const section = (name: string) => sections.get(name) ?? `no section ${name}:\n${result.output}`;

  /** That a connection which failed was seen, with its errno and the process. */
  function assertTraced(text: string): void {
    const { event, peer, error, process } = JSON.parse(text) as {
      readonly event: string;
      readonly peer: { readonly port: number };
      readonly error: string;
      readonly process: { readonly comm: string };
    };
    assert.deepEqual([event, peer.port, error, process.comm], ['fail', 4242, 'ECONNREFUSED', 'nc']);
  }

  for (const [kind, architecture] of [
    ['deb', 'arm64'],
    ['rpm', 'aarch64'],
  ] as const) {
    test(`the ${kind} is installed, makes its user, traces, and goes`, () => {
      assert.ok(
        section(`${kind}Installed`).endsWith(`\n${architecture} ${version}\n`),
        section(`${kind}Installed`),
      );
      assert.equal(section(`${kind}Version`), `${version}\n/var/lib/weir\n`);
      assertTraced(section(`${kind}Traced`));
      assert.equal(section(`${kind}Gone`), '');
    });
  }

  test('it tries what the kernel offers, and knows its machine', () => {
    const { kernel } = JSON.parse(section('debDoctor')) as {
      kernel: { release: string; machine: string };
    };
    assert.deepEqual([kernel.release, kernel.machine], [result.release, 'arm64']);
  });

  test('the image runs, and traces', () => {
    assert.equal(section('imageVersion'), `${version}\n`);
    assertTraced(section('imageTraced'));
    assert.equal(result.status, 0, result.output);
  });
});
