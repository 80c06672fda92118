/** A Debian by debootstrap, in which packages come and go. */

import { existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { attempt, type CommandResult, cacheFolder, mirror, run, withLock } from '@weir/lab';

const lifetimeMs = 14 * 24 * 3600 * 1000;

/** An archive of a new system, from the cache or by debootstrap with the machine's own mirror. */
async function archive(): Promise<string> {
  const file = join(cacheFolder('roots'), 'bookworm-curl.tar');
  await withLock(`${file}.lock`, async () => {
    if (existsSync(file) && Date.now() - statSync(file).mtimeMs < lifetimeMs) return;
    const root = `${file}.root`;
    rmSync(root, { recursive: true, force: true });
    const include = '--include=systemd-standalone-sysusers,libstdc++6,curl';
    await run('debootstrap', ['--variant=minbase', include, 'bookworm', root, mirror()]);
    await run('tar', ['-cf', `${file}.new`, '--one-file-system', '-C', root, '.']);
    renameSync(`${file}.new`, file);
    rmSync(root, { recursive: true, force: true });
  });
  return file;
}

export class SystemRoot {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(folder: string): Promise<SystemRoot> {
    mkdirSync(folder);
    await run('tar', ['-xf', await archive(), '-C', folder]);
    return new SystemRoot(folder);
  }

  /** Runs a shell inside, with the machine's /proc and /sys, and without a network unless the machine's is asked for. */
  shell(
    script: string,
    options: { env?: NodeJS.ProcessEnv; network?: boolean } = {},
  ): Promise<CommandResult> {
    const enter =
      'mount --rbind /proc $R/proc && mount --rbind /sys $R/sys && exec chroot $R /bin/sh -c "$SCRIPT"';
    const namespaces = options.network ? ['--mount'] : ['--mount', '--net'];
    return attempt('unshare', [...namespaces, 'sh', '-c', enter], {
      env: {
        ...options.env,
        PATH: '/bin:/sbin:/usr/bin:/usr/sbin',
        DEBIAN_FRONTEND: 'noninteractive',
        R: this.folder,
        SCRIPT: script,
      },
    });
  }

  /** Paths and contents' sizes of all files, without what the package managers write about themselves. */
  async files(): Promise<string[]> {
    const own = ['./var/lib/dpkg', './var/lib/rpm', './var/log', './var/cache', './proc', './sys'];
    const without = own.flatMap((path) => ['-path', path, '-prune', '-o']);
    const listed = await run('find', ['.', '-xdev', ...without, '-printf', '%y %m %p\\n'], {
      cwd: this.folder,
    });
    // Backups of the user database.
    return listed
      .toString()
      .split('\n')
      .filter((line) => line !== '' && !/\.\/etc\/\w+-$|\.\/etc\/\.pwd\.lock$/.test(line))
      .sort();
  }
}
