import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { LocalPaths } from '../src/enrich/containers/local-paths.js';

const root = realpathSync(mkdtempSync(join(tmpdir(), 'weir-paths-')));
after(() => rmSync(root, { recursive: true }));
mkdirSync(join(root, 'home/ann/store'), { recursive: true });
mkdirSync(join(root, 'home/b b/store'), { recursive: true });
mkdirSync(join(root, 'net/eve/store'), { recursive: true });
symlinkSync(join(root, 'net/eve'), join(root, 'home/eve'));
symlinkSync('../net/../home/ann', join(root, 'home/link'));
symlinkSync('loop', join(root, 'home/loop'));

const mounts = (...lines: string[]) =>
  new LocalPaths(() => ['rootfs / ext4 rw 0 0', ...lines, ''].join('\n'));
const placeOf = (path: string, ...lines: string[]) => mounts(...lines).place(join(root, path));

describe('paths on file systems of this host', () => {
  it('are distinguished from those on mounts of other hosts, through symbolic links, too', () => {
    const nfs = `server:/export ${root}/net nfs4 rw 0 0`;
    assert.equal(placeOf('home/ann/store', nfs), 'local');
    assert.equal(placeOf('home/link/store', nfs), 'remote', 'the link passes through the mount');
    assert.equal(placeOf('net/eve/store', nfs), 'remote');
    assert.equal(placeOf('home/eve/store', nfs), 'remote');
    assert.equal(placeOf('home/eve/store'), 'local');
    assert.equal(placeOf('home/link/store'), 'local');
    assert.equal(placeOf('home/nobody/store', nfs), 'absent');
    assert.equal(placeOf('home/loop/store', nfs), 'absent');
  });

  it('include those that an automounter has mounted from this host', () => {
    const automounter = `systemd-1 ${root}/home autofs rw 0 0`;
    assert.equal(placeOf('home/ann/store', automounter), 'remote');
    assert.equal(placeOf('home/ann/store', automounter, `/dev/sda1 ${root}/home ext4 rw 0 0`), 'local');
  });

  it('exclude FUSE, and mounts whose names have blanks', () => {
    assert.equal(placeOf('home/b b/store'), 'local');
    assert.equal(placeOf('home/b b/store', `sshfs ${root}/home/b\\040b fuse.sshfs rw 0 0`), 'remote');
  });
});
