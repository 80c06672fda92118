import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { cgroup2Mounts, parseCgroups, parseNetns, parseUsers } from '../src/args/host.js';

const folder = mkdtempSync(join(tmpdir(), 'weir-host-'));
after(() => rmSync(folder, { recursive: true }));

describe('users', () => {
  const passwd = join(folder, 'passwd');
  writeFileSync(passwd, 'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/var/www:/bin/false\n');

  it('takes numbers and names', () => {
    assert.deepEqual(parseUsers('0,www-data,4294967295', passwd), [0, 33, 4_294_967_295]);
    assert.deepEqual(parseUsers('root'), [0], "this host's own file");
  });

  it('refuses unknown user names', () => {
    for (const text of ['nobody-here', '-1', '4294967296', 'x', ''])
      assert.throws(() => parseUsers(text, passwd), text);
  });
});

describe('network namespaces', () => {
  const own = statSync('/proc/self/ns/net').ino;

  it('takes inodes, paths and names', () => {
    symlinkSync('/proc/self/ns/net', join(folder, 'blue'));
    assert.deepEqual(parseNetns('4026531840'), [4_026_531_840]);
    assert.deepEqual(parseNetns(`/proc/${process.pid}/ns/net`), [own]);
    assert.deepEqual(parseNetns('blue,7', folder), [own, 7]);
  });

  it('refuses paths that are no network namespace', () => {
    for (const text of [
      '/proc/self/ns/mnt',
      '/proc/self/status',
      '/nowhere',
      'red',
      '0',
      '4294967296',
      folder,
    ]) {
      assert.throws(() => parseNetns(text, folder), /namespace/, text);
    }
  });
});

describe('cgroups', () => {
  const mounts = cgroup2Mounts(readFileSync('/proc/self/mountinfo', 'utf8'));

  it('finds the mount points of cgroup2', () => {
    const text = [
      '24 1 0:22 / /proc rw - proc proc rw',
      '30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 master:1 - cgroup2 cgroup2 rw,nsdelegate',
      '31 24 0:27 / /mnt/two\\040words rw - cgroup2 none rw',
      '32 24 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu',
    ].join('\n');
    assert.deepEqual(cgroup2Mounts(text), ['/sys/fs/cgroup', '/mnt/two words']);
  });

  it('takes ids, absolute paths and paths below the mount', () => {
    assert.ok(mounts.length > 0, 'these tests need a cgroup2 mount');
    const root = statSync(mounts[0]!).ino;
    assert.deepEqual(parseCgroups(`12345,${mounts[0]},/`), [12_345, root, root]);
  });

  it('refuses paths that are no cgroup', () => {
    for (const text of ['/tmp', 'no-such.slice', '0', '']) assert.throws(() => parseCgroups(text), text);
    const empty = join(folder, 'mountinfo');
    writeFileSync(empty, '');
    assert.throws(() => parseCgroups('x', empty), /No cgroup2 file system/);
  });
});
