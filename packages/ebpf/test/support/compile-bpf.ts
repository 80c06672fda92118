/** Compiles test programs with the project's BPF compiler. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BtfExt } from '../../src/btf/ext.js';
import { parseBtfExt } from '../../src/btf/ext.js';
import { Btf } from '../../src/btf/parse.js';
import { ElfFile } from '../../src/elf/file.js';

/** This package's `test/bpf`, seen from `dist/test/support`. */
export const bpfFolder = fileURLToPath(new URL('../../../test/bpf/', import.meta.url));

/** A compiled object in a folder of its own, which goes when the object is disposed. */
export interface CompiledObject extends Disposable {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** @param source a path below `test/bpf`. */
export function compileBpf(source: string, ...options: string[]): CompiledObject {
  const folder = mkdtempSync(join(tmpdir(), 'weir-bpf-'));
  const path = join(folder, `${basename(source, '.bpf.c')}.bpf.o`);
  const include = ['/usr/include/x86_64-linux-gnu', '/usr/include/aarch64-linux-gnu'].map(
    (dir) => `-I${dir}`,
  );
  execFileSync(
    'clang-19',
    [
      '-O2',
      '-g',
      '-target',
      'bpf',
      '-Wno-visibility',
      ...include,
      ...options,
      // Nothing in an object depends on where it was compiled.
      '-fdebug-compilation-dir=.',
      '-c',
      basename(source),
      '-o',
      path,
    ],
    { cwd: join(bpfFolder, dirname(source)), stdio: ['ignore', 'ignore', 'inherit'] },
  );
  return {
    path,
    bytes: new Uint8Array(readFileSync(path)),
    [Symbol.dispose]: () => rmSync(dirname(path), { recursive: true }),
  };
}

/** The sections of an object that BTF and CO-RE are about. */
export interface TypedObject {
  readonly btf: Btf;
  readonly ext: BtfExt;
  /** A copy of a section's contents. */
  section(name: string): Uint8Array;
}

export function readTypes(bytes: Uint8Array): TypedObject {
  const elf = ElfFile.parse(bytes);
  const section = (name: string): Uint8Array => {
    const found = elf.section(name);
    if (found === undefined) throw new Error(`no section ${name}`);
    return new Uint8Array(elf.data(found));
  };
  const btf = Btf.parse(section('.BTF'));
  return { btf, ext: parseBtfExt(section('.BTF.ext'), btf), section };
}
