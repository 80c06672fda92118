/** A root whose loader and C library are musl's, with Bun: npm has no Node.js for musl. */

import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { attempt, type CommandResult, fetchPackage, repository, run, suites } from '@weir/lab';

/** A JavaScript runtime with Node.js' native interface, built for Alpine. */
const bun = {
  name: '@oven/bun-linux-x64-musl',
  version: '1.4.5',
  integrity:
    'sha512-10QoW/YfTgnURaGEaHpJCiXjLI2e5iTtfVDaA5JKcyUzaa1cq6cVUY9/Uq5XkYzvtRjHLRe9Oj/lTDIQcxy8HQ==',
};

/** DuckDB as npm installs it on Alpine. */
function duckdb() {
  const name = '@duckdb/node-bindings-linux-x64-musl';
  const lock = JSON.parse(readFileSync(join(repository, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string; integrity: string }>;
  };
  return { name, ...lock.packages[`node_modules/${name}`]! };
}

const source = fileURLToPath(new URL('../../../test/support/glibc-symbols.c', import.meta.url));

/** Programs run with a network and mounts of their own; the checkout is at `/weir`. x64 only. */
export class MuslRoot {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async create(folder: string): Promise<MuslRoot> {
    const [root, parts] = [join(folder, 'root'), join(folder, 'parts')];
    for (const name of ['proc', 'sys', 'dev', 'tmp', 'weir', 'lib', 'usr/lib', 'duckdb'])
      mkdirSync(join(root, name), { recursive: true });
    await suites.bookworm.unpack(['musl'], parts);
    // DuckDB is built with a newer C++ library than that of Debian 12.
    await suites.trixie.unpack(['libstdc++6', 'libgcc-s1'], parts);
    cpSync(join(parts, 'lib/x86_64-linux-musl/libc.so'), join(root, 'lib/ld-musl-x86_64.so.1'));
    // As in Alpine: one file is the loader and the C library.
    symlinkSync('ld-musl-x86_64.so.1', join(root, 'lib/libc.musl-x86_64.so.1'));
    for (const name of ['libstdc++.so.6', 'libgcc_s.so.1'])
      cpSync(join(parts, 'usr/lib/x86_64-linux-gnu', name), join(root, 'usr/lib', name), {
        dereference: true,
      });
    // musl stands in for all of glibc's libraries but this one, which the C++ library names, too.
    const added = 'ld-linux-x86-64.so.2';
    const flags = ['-shared', '-fPIC', '-O1', '-w', '-nostdlib', `-Wl,-soname,${added}`];
    await run('clang-19', [...flags, '-o', join(root, 'lib', added), source]);
    cpSync(join(await fetchPackage(bun), 'bin/bun'), join(root, 'usr/lib/bun'));
    cpSync(await fetchPackage(duckdb()), join(root, 'duckdb'), { recursive: true });
    return new MuslRoot(root);
  }

  /** Runs a module of JavaScript inside. */
  script(text: string): Promise<CommandResult> {
    const path = join(this.#folder, 'script.mjs');
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return this.bun('/script.mjs');
  }

  /** Runs Bun inside. */
  bun(...args: string[]): Promise<CommandResult> {
    const enter = [
      'set -e',
      'for each in proc sys dev; do mount --rbind /$each $R/$each; done',
      'mount -t tmpfs none $R/tmp',
      `mount --bind ${repository} $R/weir`,
      'exec chroot $R /usr/lib/bun "$@"',
    ].join('\n');
    return attempt('unshare', ['--mount', '--net', 'sh', '-c', enter, 'sh', ...args], {
      env: { PATH: '/bin:/sbin:/usr/bin:/usr/sbin', R: this.#folder, BUN_RUNTIME_TRANSPILER_CACHE_PATH: '0' },
    });
  }
}
