/** Packages of Debian and RPM systems are clean, come, change, and go without leaving anything behind. */

import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
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
  const shipped = readFileSync(join(repository, 'release/system/serve.yaml'), 'utf8');
  writeFileSync(at('serve.yaml'), `${shipped}# of the next version\n`);
  second = { ...first, version: '1.0.1', settings: at('serve.yaml') };
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

/** The databases of users and groups. */
const databases = ['passwd', 'group', 'shadow', 'gshadow'];

function users(root: SystemRoot): string[] {
  return databases.map((name) => readFileSync(join(root.folder, 'etc', name), 'utf8'));
}

/** How a system installs packages, and where it leaves what they bring. */
interface Commands {
  readonly install: (file: string) => Promise<unknown>;
  /** Prints the installed version. */
  readonly version: () => Promise<string>;
  /** Where the settings of a new version go when a host has changed the old ones. */
  readonly newSettings: string;
}

/** Installs a package, changes the settings, and upgrades to one that has changed them, too. */
async function isUpgraded(
  root: SystemRoot,
  [old, next]: readonly [string, string],
  { install, version, newSettings }: Commands,
): Promise<void> {
  await install(old);
  assert.equal(await version(), '1.0.0');
  assert.match(await succeed(root, use), /^\d+\.\d+\.\d+\n\/var\/lib\/weir\n$/);
  const settings = join(root.folder, 'etc/weir/serve.yaml');
  appendFileSync(settings, '# of this host\n');
  const own = readFileSync(settings, 'utf8');
  await install(next);
  assert.equal(await version(), '1.0.1');
  assert.equal(readFileSync(settings, 'utf8'), own);
  assert.match(readFileSync(join(root.folder, newSettings), 'utf8'), /# of the next version\n$/);
  await succeed(root, use);
}

/** Runs a shell inside and returns what it prints. */
async function succeed(root: SystemRoot, script: string): Promise<string> {
  const { status, stdout, stderr } = await root.shell(script);
  assert.equal(status, 0, `${script}\n${stdout}${stderr}`);
  return stdout.toString();
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
    const root = await SystemRoot.create(at('debian'));
    const [files, databasesBefore] = [await root.files(), users(root)];
    for (const path of packages) copyFileSync(path, join(root.folder, 'root', basename(path)));
    await isUpgraded(root, packages, {
      // Else it asks, as it should, and there is nobody to answer.
      install: (path) => succeed(root, `dpkg --force-confold -i /root/${basename(path)}`),
      version: () => succeed(root, `dpkg-query -W -f '\${Version}' weir`),
      newSettings: 'etc/weir/serve.yaml.dpkg-dist',
    });
    await succeed(root, 'rm /root/*.deb; mkdir -p /var/lib/weir/server');
    await succeed(root, 'dpkg -r weir');
    assert.ok(!existsSync(join(root.folder, 'usr/lib/weir')));
    assert.match(readFileSync(join(root.folder, 'etc/weir/serve.yaml'), 'utf8'), /# of this host\n$/);
    await succeed(root, 'dpkg -P weir');
    assert.deepEqual(await root.files(), files);
    assert.deepEqual(users(root), databasesBefore);
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
    await isUpgraded(root, packages, {
      install: (path) => rpm('-U', path),
      version: async () =>
        (await run('rpm', ['--root', root.folder, '-q', '--qf', '%{VERSION}', 'weir'])).toString(),
      newSettings: 'etc/weir/serve.yaml.rpmnew',
    });
    await run('systemd-tmpfiles', [`--root=${root.folder}`, '--create', 'weir.conf']);
    const { mode, uid } = statSync(join(root.folder, 'run/weir'));
    assert.deepEqual([mode & 0o7777, uid], [0o755, 0]);
    await rpm('-e', 'weir');
    // Folders of systemd, which this system lacks, and RPM's own database.
    const others = /^\.\/(usr\/lib\/sysusers\.d|root\/\.rpmdb(\/.*)?)$/;
    const left = (await root.files())
      .filter((line) => !files.includes(line))
      .map((line) => line.split(' ')[2]!)
      .filter((path) => !others.test(path));
    // Settings that were changed are kept under another name.
    assert.deepEqual(left, ['./etc/weir', './etc/weir/serve.yaml.rpmnew', './etc/weir/serve.yaml.rpmsave']);
  });
});
