/** A cgroup of a test's own. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where cgroup v2 is mounted. */
export function cgroupRoot(): string {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const root = mounts.map((line) => line.split(' ')).find(([, , type]) => type === 'cgroup2')?.[1];
  assert.ok(root !== undefined, 'cgroup2 is mounted');
  return root;
}

/** Makes a cgroup with this process in it, while `body` runs. */
export async function inCgroup(body: (folder: string) => Promise<void>): Promise<void> {
  const root = cgroupRoot();
  const home = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))![1]!;
  const folder = join(root, `weir-test-${process.pid}`);
  mkdirSync(folder);
  try {
    writeFileSync(join(folder, 'cgroup.procs'), String(process.pid));
    await body(folder);
  } finally {
    writeFileSync(join(root, home, 'cgroup.procs'), String(process.pid));
    rmdirSync(folder);
  }
}
