/** The executable runs alone, on an old system, and is the same each time that it is built. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { attempt, run, temporaryFolder } from '@weir/lab';
import { besideNames, buildExecutable } from '../src/executable/build.js';
import { releaseVersion } from '../src/npm/published.js';
import { OldRoot } from './support/old-root.js';

const folder = temporaryFolder('weir-executable-test-');
const built = join(folder.path, 'built');
const arch = process.arch === 'arm64' ? 'arm64' : 'x64';
let root: OldRoot;

before(async () => {
  await buildExecutable(arch, built);
  root = await OldRoot.create(join(folder.path, 'root'));
  root.add(built, 'weir');
});
after(() => folder[Symbol.dispose]());

const digest = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

/** The highest version of a library's symbols that a file needs. */
async function newestSymbol(file: string, library: string): Promise<number[]> {
  const listed = (await run('objdump', ['-T', file])).toString();
  const versions = [...listed.matchAll(new RegExp(`\\(?${library}_([\\d.]+)\\)?`, 'g'))].map(([, version]) =>
    version!.split('.').map(Number),
  );
  return versions.sort((a, b) => a[0]! - b[0]! || a[1]! - b[1]! || (a[2] ?? 0) - (b[2] ?? 0)).at(-1) ?? [];
}

describe('the executable', () => {
  test('has the same bytes when it is built again', async () => {
    const again = join(folder.path, 'again');
    await buildExecutable(arch, again);
    for (const name of ['weir', ...besideNames])
      assert.equal(digest(join(again, name)), digest(join(built, name)), name);
  });

  for (const name of ['weir', 'duckdb.node', 'libduckdb.so']) {
    test(`${name} needs no newer C library than glibc 2.28`, async () => {
      const [major, minor] = await newestSymbol(join(built, name), 'GLIBC');
      assert.ok(major === 2 && minor! <= 28, `GLIBC_${major}.${minor}`);
    });
  }

  test('needs libraries that every system with glibc has, and the C++ library', async () => {
    const listed = (await run('objdump', ['-p', join(built, 'weir')])).toString();
    const needed = [...listed.matchAll(/NEEDED\s+(\S+)/g)].map(([, name]) => name!);
    const usual = /^(lib(c|m|dl|pthread|stdc\+\+|gcc_s)\.so\.\d|ld-linux[\w-]*\.so\.\d)$/;
    assert.deepEqual(
      needed.filter((name) => !usual.test(name)),
      [],
    );
  });

  test('ignores options of Node.js that are meant for others', async () => {
    const env = { ...process.env, NODE_OPTIONS: '--require /does/not/exist' };
    const { status, stdout } = await attempt(join(built, 'weir'), ['--version'], { env });
    assert.equal(status, 0);
    assert.equal(stdout.toString(), `${releaseVersion()}\n`);
  });

  test('prints the licences of what is in it', async () => {
    const { stdout } = await attempt(join(built, 'weir'), ['--licenses']);
    for (const name of ['Node.js', 'koffi', 'commander', 'preact']) {
      assert.match(stdout.toString(), new RegExp(`^${name} \\d`, 'm'));
    }
  });

  test('balances many services, and has the script of the thread that helps it to begin', async () => {
    const vips = Array.from({ length: 70 }, (_, i) => {
      const reals = [0, 1].map((real) => `{ name: r${real}, address: 10.${i}.0.${1 + real} }`);
      return `  - { name: v${i}, address: 198.18.0.${i + 1}, port: 80, protocol: tcp, reals: [${reals.join(', ')}] }`;
    });
    const router = 'router: "02:00:00:00:00:01"';
    const config = ['interfaces: [{ name: v0 }]', router, 'vips:', ...vips].join('\n');
    writeFileSync(join(folder.path, 'balance.yaml'), `${config}\n`);
    const script = `set -e
      mount -t bpf bpf /sys/fs/bpf; mount -t tmpfs none /run
      ip link add v0 type veth peer name v1; ip link set v0 up; ip link set v1 up
      mkfifo /run/ready; "$WEIR" balance run "$CONFIG" --ready-fd 3 3>/run/ready >&2 & balancer=$!
      read -r ready </run/ready; "$WEIR" balance status; "$WEIR" balance stop >&2; wait $balancer`;
    const { status, stdout, stderr } = await attempt('unshare', ['--mount', '--net', 'sh', '-c', script], {
      env: { ...process.env, WEIR: join(built, 'weir'), CONFIG: join(folder.path, 'balance.yaml') },
    });
    assert.equal(status, 0, stderr);
    assert.match(stdout.toString(), /v69/);
    // Where the script is missing, that is a warning.
    assert.doesNotMatch(stderr, /Warning/);
  });

  describe('in a root with a C library and busybox alone', () => {
    test('finds a C library of before 2022 there', async () => {
      const [major, minor] = (await root.libcVersion()).split('.').map(Number);
      assert.ok(major === 2 && minor! < 33);
    });

    test('loads programs into the kernel, and leaves no file behind', async () => {
      const { status, stdout, stderr } = await root.shell('/weir/weir doctor --json && ls -A /tmp >&2');
      assert.equal(stderr, '');
      assert.equal(status, 0);
      const { features } = JSON.parse(stdout.toString()) as { features: unknown };
      assert.ok(features);
    });

    test('uses another folder where one may not hold code, and says so where none may', async () => {
      const noexec = (name: string) => `mkdir -p $R/${name}; mount -t tmpfs -o noexec none $R/${name}`;
      const some = await root.shell('/weir/weir doctor --json', noexec('tmp'));
      assert.equal(some.status, 0, some.stderr);
      const all = ['tmp', 'dev/shm', 'run', 'var/tmp'].map(noexec).join('\n');
      const none = await root.shell('/weir/weir doctor', all);
      assert.equal(none.status, 1);
      assert.match(
        none.stderr,
        /koffi\.node cannot be loaded: it needs a folder that is writable and not mounted with noexec/,
      );
    });

    test('loads no library beside it that another user may have put there', async () => {
      const { status, stderr } = await root.shell(
        'cp /weir/duckdb.node /weir/koffi.node; chmod 666 /weir/koffi.node; /weir/weir doctor; s=$?; rm /weir/koffi.node; exit $s',
      );
      assert.equal(status, 1);
      assert.match(stderr, /koffi\.node is not loaded: it must be a file of root/);
    });

    test('serves a history, with the page, by a process of its own', async () => {
      const { status, stdout, stderr } = await root.shell(`
        export PATH=/bin:/weir; mkdir /tmp/h; : >/tmp/log
        weir serve --folder /tmp/h >/tmp/log 2>&1 & server=$!
        until busybox grep -q remembers /tmp/log; do kill -0 $server || { cat /tmp/log >&2; exit 1; }; busybox sleep 0.1; done
        busybox nc -l -p 4242 </dev/null >/dev/null &
        until busybox nc 127.0.0.1 4242 </dev/null 2>/dev/null; do busybox sleep 0.1; done
        until weir query --folder /tmp/h 2>/dev/null | busybox grep -q 4242; do kill -0 $server || exit 1; busybox sleep 0.5; done
        busybox wget -q -O - http://127.0.0.1:9436/
        kill $server; wait $server`);
      assert.equal(stderr, '');
      assert.match(stdout.toString(), /<!doctype html>/);
      assert.equal(status, 0);
    });

    test('says what is missing where DuckDB is not beside it', async () => {
      const { status, stderr } = await root.shell(
        'cp /weir/weir /tmp/weir; mkdir /tmp/h; mkdir -p /tmp/h/server/history; touch /tmp/h/server/history/hot.duckdb; /tmp/weir query --folder /tmp/h',
      );
      assert.equal(status, 1);
      assert.match(stderr, /duckdb\.node must be beside \/tmp\/weir/);
    });
  });
});
