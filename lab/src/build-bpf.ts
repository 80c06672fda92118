/**
 * Compiles the kernel programs, each package's `bpf/NAME.bpf.c`, to objects beside them, and generates the TypeScript
 * that decodes what they share, `src/generated/NAME.ts`. A source that includes another one (`NAME.bpf.c`) is compiled in
 * another way, and shares the same structs. Examples, `examples/ebpf/NAME/NAME.bpf.c`, get a module that holds the whole object,
 * `generated/NAME.ts` beside them.
 *
 *     node lab/dist/src/build-bpf.js [--check]
 *
 * With `--check` nothing is written: it says which committed file is not what its source gives, and ends with 1.
 */

import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './command.js';
import { repository } from './paths.js';
import { temporaryFolder } from './temporary.js';

/**
 * Nothing in an object depends on where it was compiled: no absolute path is among the arguments, not even to be mapped to another,
 * for the order of types in BTF follows from that. `v2` is what Linux 4.18 knows.
 */
const clangFlags = [
  ...['-O2', '-g', '-target', 'bpf', '-mcpu=v2', '-Wall', '-Werror'],
  ...['-fdebug-compilation-dir=.', '-D__TARGET_ARCH_x86'],
  // Where Debian keeps <asm/types.h>, which the bpf target does not look for.
  ...['-idirafter', '/usr/include/x86_64-linux-gnu'],
];

interface Artefact {
  /** The committed file. */
  readonly path: string;
  /** What its source gives, in a temporary folder. */
  readonly built: string;
}

/** A kernel program. */
interface Source {
  readonly path: string;
  /** The folder of its generated module. */
  readonly generated: string;
  /** Options of `weir-bpf2ts`. */
  readonly options: readonly string[];
}

function sources(): Source[] {
  return [
    ...subfolders('packages').flatMap((folder) =>
      programs(join(folder, 'bpf'), { generated: join(folder, 'src/generated'), options: ['--decoders'] }),
    ),
    ...subfolders('examples/ebpf').flatMap((folder) =>
      programs(folder, { generated: join(folder, 'generated'), options: [] }),
    ),
  ];
}

function subfolders(folder: string): string[] {
  const entries = readdirSync(join(repository, folder), { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  return names.sort().map((name) => join(repository, folder, name));
}

function programs(folder: string, output: Omit<Source, 'path'>): Source[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((file) => file.endsWith('.bpf.c'));
  return files.sort().map((file) => ({ path: join(folder, file), ...output }));
}

function includesAnother(source: string): boolean {
  return /^#include ".*\.bpf\.c"$/m.test(readFileSync(source, 'utf8'));
}

async function buildOne({ path, generated, options }: Source, into: string): Promise<Artefact[]> {
  const folder = dirname(path);
  const name = basename(path, '.bpf.c');
  const out = join(into, relative(repository, folder));
  mkdirSync(out, { recursive: true });
  const object = join(out, `${name}.bpf.o`);
  const headers = ['-I', relative(folder, join(repository, 'packages/ebpf/include'))];
  await run('clang-19', [...clangFlags, ...headers, '-c', basename(path), '-o', object], { cwd: folder });
  await run('llvm-strip-19', ['-g', object]);
  const compiled = { path: join(folder, `${name}.bpf.o`), built: object };
  if (includesAnother(path)) return [compiled];
  const module = join(out, `${name}.ts`);
  const command = join(repository, 'packages/ebpf/bin/weir-bpf2ts.js');
  await run(process.execPath, [command, object, ...options, '-o', module]);
  return [compiled, { path: join(generated, `${name}.ts`), built: module }];
}

function same(a: string, b: string): boolean {
  return existsSync(a) && readFileSync(a).equals(readFileSync(b));
}

/**
 * Builds every program. Returns the paths, relative to the checkout, of the files that differed from what was built.
 *
 * @param write Whether those files are replaced.
 * @throws Error with the compiler's messages.
 */
export async function buildBpf(write: boolean): Promise<{ files: number; different: string[] }> {
  using temporary = temporaryFolder('weir-bpf-');
  const artefacts: Artefact[] = [];
  for (const source of sources()) artefacts.push(...(await buildOne(source, temporary.path)));
  const different = artefacts.filter(({ path, built }) => !same(path, built));
  if (write) {
    for (const { path, built } of different) {
      mkdirSync(dirname(path), { recursive: true });
      copyFileSync(built, path);
    }
  }
  return {
    files: artefacts.length,
    different: different.map(({ path }) => path.slice(repository.length + 1)),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const check = process.argv.includes('--check');
  const { files, different } = await buildBpf(!check);
  for (const path of different)
    process.stdout.write(`${path} ${check ? 'is not what its source gives' : 'written'}\n`);
  process.stdout.write(`${files} files, ${different.length} ${check ? 'differ' : 'changed'}\n`);
  process.exitCode = check && different.length > 0 ? 1 : 0;
}
