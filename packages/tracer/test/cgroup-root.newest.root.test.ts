/** The root of cgroup v2, as a container with a cgroup namespace of its own finds it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { findCgroupRoot } from '../src/sockets/index.js';

const sockets = new URL('../src/sockets/index.js', import.meta.url).href;
const print = `import { findCgroupRoot } from '${sockets}'; console.log(JSON.stringify(findCgroupRoot()));`;

describe('a container with a cgroup namespace of its own', () => {
  let mount: string;
  let cgroup: string;
  before(() => {
    mount = mkdtempSync(join(tmpdir(), 'weir-cgroup-'));
    execFileSync('mount', ['-t', 'cgroup2', 'none', mount]);
    cgroup = join(mount, `weir-test-${process.pid}`);
    mkdirSync(cgroup);
  });
  after(() => {
    rmdirSync(cgroup);
    execFileSync('umount', [mount]);
    rmdirSync(mount);
  });

  /** Enters the cgroup, then a cgroup namespace whose root it is, and mounts that in place of all others. */
  function find(...unshare: string[]): ReturnType<typeof findCgroupRoot> {
    const script = `
      echo $$ > ${cgroup}/cgroup.procs
      exec unshare -C -m ${unshare.join(' ')} sh -c '
        mount --make-rprivate /
        for path in $(grep " - cgroup2 " /proc/self/mountinfo | cut -d " " -f 5); do umount -l "$path"; done
        mount -t cgroup2 none ${mount}
        exec "$0" --input-type=module -e "$1"' "$0" "$1"`;
    const text = execFileSync('sh', ['-c', script, process.execPath, print], { encoding: 'utf8' });
    return text.trim() === 'undefined' ? undefined : JSON.parse(text);
  }

  it('reaches the root of the host through other processes', () => {
    const root = find();
    assert.equal(root?.isPart, false);
    assert.match(root?.path ?? '', /^\/proc\/\d+\/root\//);
    assert.equal(statSync(root?.path ?? '').ino, 1);
  });

  it('knows that its root is a part where no other process is in sight', () => {
    assert.deepEqual(find('-p', '-f', '--mount-proc'), { path: mount, isPart: true });
  });
});
