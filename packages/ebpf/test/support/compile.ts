/** Compiles BPF C at test time with clang 19, once for each source and set of options. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface CompileOptions {
  /** `-mcpu`; v2 by default, which Linux 4.18 understands. */
  readonly cpu?: 'v1' | 'v2' | 'v3' | 'v4';
  readonly defines?: Readonly<Record<string, string | number>>;
  /** Debug information, and with it BTF; true by default. */
  readonly debug?: boolean;
  readonly bigEndian?: boolean;
}

const cache = join(tmpdir(), `weir-test-objects-${process.getuid?.() ?? 0}`);

/** The folder of the package's BPF test sources, seen from the compiled test. */
export const bpfSources = fileURLToPath(new URL('../../../test/bpf/', import.meta.url));

/**
 * Compiles to an object file in memory.
 * @param source path of a file that ends in `.c`, relative to test/bpf or absolute; or C text.
 */
export function compileBpf(source: string, options: CompileOptions = {}): Uint8Array {
  return readFileSync(compileBpfToFile(source, options));
}

/** Like {@link compileBpf}, for other tools to read: the object's path, in a cache that other tests share. */
export function compileBpfToFile(source: string, options: CompileOptions = {}): string {
  const isPath = source.endsWith('.c') && !source.includes('\n');
  const path = isPath ? join(source.startsWith('/') ? '' : bpfSources, source) : undefined;
  const text = path === undefined ? source : readFileSync(path, 'utf8');
  const folder = path === undefined ? [] : ['-I', dirname(path)];
  const flags = [
    ...['-O2', '-target', options.bigEndian ? 'bpfeb' : 'bpfel', `-mcpu=${options.cpu ?? 'v2'}`],
    ...['-Wall', '-Werror', '-fdebug-compilation-dir=.', '-ffile-prefix-map=/=', ...folder],
    ...(options.debug === false ? [] : ['-g']),
    ...multiarchInclude(),
    ...Object.entries(options.defines ?? {}).map(([name, value]) => `-D${name}=${value}`),
  ];
  const hash = createHash('sha256').update(JSON.stringify([flags, text])).digest('hex').slice(0, 24);
  const object = join(cache, `${hash}.o`);
  if (existsSync(object)) return object;
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  const partial = join(cache, `${hash}.${process.pid}.o`);
  execFileSync('clang-19', [...flags, '-x', 'c', '-c', '-', '-o', partial], { input: text });
  if (options.debug !== false) execFileSync('llvm-strip-19', ['-g', partial]);
  renameSync(partial, object);
  return object;
}

/** Writes bytes to a file of the cache, named by their hash, for other tools to read. */
export function asFile(bytes: Uint8Array, suffix = '.o'): string {
  const path = join(cache, createHash('sha256').update(bytes).digest('hex').slice(0, 24) + suffix);
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  if (!existsSync(path)) writeFileSync(path, bytes);
  return path;
}

/** Where Debian keeps <asm/types.h>, which clang does not search for the BPF target. */
function multiarchInclude(): string[] {
  const triplet = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  return ['-idirafter', `/usr/include/${triplet}`];
}
