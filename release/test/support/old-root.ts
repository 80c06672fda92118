/** A root with the oldest C library that the mirror has, and nothing else that a program could use but busybox. */

import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attempt, type CommandResult, run, suites } from '@weir/lab';

/** Commands run with a network and mounts of their own, and the environment of nobody. */
export class OldRoot {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async create(folder: string): Promise<OldRoot> {
    // A Debian of 2021: glibc 2.31. 2.28 has left the mirrors.
    await suites.bullseye.unpack(['libc6', 'libstdc++6', 'libgcc-s1', 'busybox-static'], folder);
    for (const name of ['proc', 'sys', 'dev', 'tmp', 'etc'])
      mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n');
    writeFileSync(join(folder, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
    return new OldRoot(folder);
  }

  /** Copies a folder to a place inside. */
  add(from: string, to: string): void {
    cpSync(from, join(this.#folder, to), { recursive: true });
  }

  /** The version of its C library, such as `2.31`. */
  async libcVersion(): Promise<string> {
    const file = join(this.#folder, 'lib/x86_64-linux-gnu/libc.so.6');
    const text = (
      await run('grep', ['-aoE', 'GNU C Library [^,]*stable release version [0-9.]+', file])
    ).toString();
    return /version ([\d.]+\d)/.exec(text)![1]!;
  }

  /** Runs a script of busybox' shell. `mounts` are lines of a shell, with the root in `$R`. */
  shell(script: string, mounts = 'mount -t tmpfs none $R/tmp'): Promise<CommandResult> {
    const enter = [
      'set -e',
      'ip link set lo up',
      'for each in proc sys dev; do mount --rbind /$each $R/$each; done',
      mounts,
      'exec chroot $R /bin/busybox sh -c "$SCRIPT"',
    ].join('\n');
    return attempt('unshare', ['--mount', '--net', 'sh', '-c', enter], {
      env: { PATH: '/bin:/sbin:/usr/bin:/usr/sbin', R: this.#folder, SCRIPT: script },
    });
  }
}
