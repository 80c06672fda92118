/** A cgroup of a test's own, for commands that are run in it. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';

export class Cgroup implements Disposable {
  readonly path: string;

  constructor() {
    const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
    const root = mounts.map((line) => line.split(' ')).find(([, , type]) => type === 'cgroup2')?.[1];
    if (root === undefined) throw new Error('cgroup2 is not mounted');
    this.path = join(root, `weir-tools-${process.pid}`);
    mkdirSync(this.path);
  }

  /** Runs a shell script, with its arguments from `$1` on, in a process in the cgroup. */
  run(script: string, ...args: string[]): SpawnSyncReturns<string> {
    const enter = 'echo $$ >"$0/cgroup.procs"';
    return spawnSync('sh', ['-c', `${enter} && ${script}`, this.path, ...args], { encoding: 'utf8' });
  }

  [Symbol.dispose](): void {
    rmdirSync(this.path);
  }
}
