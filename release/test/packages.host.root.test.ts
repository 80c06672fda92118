/** Packages of Debian and RPM systems are clean, come, change, and go without leaving anything behind. */

import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { attempt, repository, run, temporaryFolder } from '@weir/lab';
import { buildExecutable } from '../src/executable/build.js';
import { fetchParts } from '../src/executable/parts.js';
import { buildDeb } from '../src/packages/deb.js';
import { buildRpm } from '../src/packages/rpm.js';
import type { TreeSource } from '../src/packages/tree.js';
import { SystemRoot } from './support/system-root.js';

const folder = temporaryFolder('weir-packages-');
const arch = process.arch === 'arm64' ? 'arm64' : 'x64';
const epoch = 1_790_000_000;
const at = (...parts: string[]) => join(folder.path, ...parts);
let first: TreeSource;
let second: TreeSource;

before(async () => {
  await buildExecutable(arch, at('built'));
  first = { executable: at('built'), parts: await fetchParts(arch), arch, version: '1.0.0' };
  second = { ...first, version: '1.0.1' };
});
after(() => folder[Symbol.dispose]());

/** What a user of an installed package sees, by a shell inside. */
const use = `set -e
  weir --version
  weir doctor --json >/dev/null
  getent passwd weir | cut -d: -f6
  test -f /usr/share/bash-completion/completions/weir -a -f /usr/share/man/man1/weir-balance.1.gz
  sh -c 'trap "" HUP; exec weir completion fish' >/dev/null`;

describe('units of systemd', () => {
  for (const name of ['weir-serve', 'weir-balance@']) {
    test(`${name}.service has an exposure of 4 at most`, async () => {
      const unit = join(repository, `release/system/${name}.service`);
      const { status, stdout } = await attempt('systemd-analyze', [
        'security',
        '--offline=true',
        '--threshold=40',
        unit,
      ]);
      assert.equal(status, 0, stdout.toString());
    });
  }
});

/** Installs, upgrades and removes a package in a new system, by the commands of its package manager. */
async function comesAndGoes(
  root: SystemRoot,
  packages: readonly [string, string],
  commands: { install: (file: string) => string; remove: string; purge: string },
): Promise<void> {
  const inside = packages.map((path) => `/root/${basename(path)}`);
  for (const path of packages) copyFileSync(path, join(root.folder, 'root', basename(path)));
  const before = await root.files();
  const users = readFileSync(join(root.folder, 'etc/passwd'), 'utf8');
  const succeed = async (script: string) => {
    const { status, stdout, stderr } = await root.shell(script);
    assert.equal(status, 0, `${script}\n${stdout}${stderr}`);
    return stdout.toString();
  };
  await succeed(commands.install(inside[0]!));
  assert.match(await succeed(use), /^\d+\.\d+\.\d+\n\/var\/lib\/weir\n$/);
  const settings = join(root.folder, 'etc/weir/serve.yaml');
  appendFileSync(settings, '# of this host\n');
  await succeed(commands.install(inside[1]!));
  assert.match(readFileSync(settings, 'utf8'), /# of this host\n$/);
  await succeed(use);
  await succeed('mkdir -p /var/lib/weir/server');
  await succeed(commands.remove);
  assert.ok(!existsSync(join(root.folder, 'usr/lib/weir')));
  assert.match(readFileSync(settings, 'utf8'), /# of this host\n$/);
  await succeed(commands.purge);
  assert.deepEqual(await root.files(), before);
  assert.equal(readFileSync(join(root.folder, 'etc/passwd'), 'utf8'), users);
}

describe('the Debian package', () => {
  let packages: [string, string];

  before(async () => {
    const options = { epoch, compression: 'none' } as const;
    packages = [await buildDeb(first, at('deb'), options), await buildDeb(second, at('deb'), options)];
  });

  test('has the same bytes when it is built again', async () => {
    const again = await buildDeb(first, at('again'), { epoch, compression: 'none' });
    await run('cmp', [packages[0], again]);
  });

  test('passes lintian', async () => {
    // What is published is compressed, which would take this test longer than all else.
    const suppressed = ['control', 'data'].map((part) => `uses-no-compression-for-${part}-tarball`).join();
    const args = ['--allow-root', '--fail-on', 'error,warning', '--suppress-tags', suppressed, packages[0]];
    const { status, stdout, stderr } = await attempt('lintian', args);
    assert.equal(status, 0, `${stdout}${stderr}`);
  });

  test('comes, keeps changed settings, and leaves nothing behind when it is purged', async () => {
    await comesAndGoes(await SystemRoot.create(at('debian')), packages, {
      install: (file) => `dpkg -i ${file}`,
      remove: 'dpkg -r weir',
      purge: 'dpkg -P weir',
    });
  });
});

describe('the RPM package', () => {
  let packages: [string, string];

  before(async () => {
    const options = { epoch, compression: 'w.ufdio' };
    packages = [await buildRpm(first, at('rpm'), options), await buildRpm(second, at('rpm'), options)];
  });

  test('passes rpmlint', async () => {
    const args = ['--config', join(repository, 'release/system/rpmlint.toml'), packages[0]];
    const { status, stdout, stderr } = await attempt('rpmlint', args);
    assert.equal(status, 0, `${stdout}${stderr}`);
    assert.match(stdout.toString(), / 0 errors, 0 warnings/);
  });

  test('comes, keeps changed settings, and goes', async () => {
    const root = await SystemRoot.create(at('fedora'));
    const files = await root.files();
    // The system is Debian's, whose packages RPM does not know: it runs the scripts inside all the same.
    const rpm = async (...args: string[]) => await run('rpm', ['--root', root.folder, '--nodeps', ...args]);
    await rpm('-i', packages[0]);
    const { status, stdout, stderr } = await root.shell(use);
    assert.equal(status, 0, stderr);
    assert.match(stdout.toString(), /^\d+\.\d+\.\d+\n\/var\/lib\/weir\n$/);
    const settings = join(root.folder, 'etc/weir/serve.yaml');
    appendFileSync(settings, '# of this host\n');
    await rpm('-U', packages[1]);
    assert.match(readFileSync(settings, 'utf8'), /# of this host\n$/);
    await rpm('-e', 'weir');
    // Folders of systemd, which this system lacks, and RPM's own database.
    const others = /^\.\/(usr\/lib\/sysusers\.d|root\/\.rpmdb(\/.*)?)$/;
    const left = (await root.files())
      .filter((line) => !files.includes(line))
      .map((line) => line.split(' ')[2]!)
      .filter((path) => !others.test(path));
    // Settings that were changed are kept under another name.
    assert.deepEqual(left, ['./etc/weir', './etc/weir/serve.yaml.rpmsave']);
  });
});
