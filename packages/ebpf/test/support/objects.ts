/**
 * Compiled test programs: from the folder WEIR_TEST_OBJECTS, where build-objects.ts has put them (machines under test
 * need no compiler), else compiled on the spot.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bpfFolder, compileBpf } from './compile-bpf.js';

/** The tracer's committed objects, seen from `dist/test/support`. */
export const tracerFolder = fileURLToPath(new URL('../../../../tracer/bpf/', import.meta.url));

/** The committed objects of the examples, likewise. */
export const examplesFolder = fileURLToPath(new URL('../../../../../examples/ebpf/', import.meta.url));

/** Committed objects of others: paths relative to the folder WEIR_TEST_OBJECTS, and where each is in the checkout. */
export function committedObjects(): { readonly name: string; readonly path: string }[] {
  const folders = [
    ['tracer', tracerFolder],
    ['examples', examplesFolder],
  ] as const;
  return folders.flatMap(([prefix, folder]) =>
    filesBelow(folder, '.bpf.o').map((name) => ({ name: join(prefix, name), path: join(folder, name) })),
  );
}

/** Files below a folder with an ending, as paths relative to it; none if there is no such folder. */
export function filesBelow(folder: string, ending: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Names of the test programs: `load/data` for test/bpf/load/data.bpf.c. */
export function testPrograms(): string[] {
  return filesBelow(bpfFolder, '.bpf.c').map((path) => path.replace(/\.bpf\.c$/, ''));
}

const compiled = new Map<string, Uint8Array>();

/** The object of a test program, by the name that {@link testPrograms} gives it. */
export function testObject(name: string): Uint8Array {
  let bytes = compiled.get(name);
  if (bytes === undefined) {
    const folder = process.env.WEIR_TEST_OBJECTS;
    if (folder !== undefined) bytes = readFileSync(join(folder, `${name}.bpf.o`));
    else {
      using object = compileBpf(`${name}.bpf.c`, '-mcpu=v2');
      bytes = object.bytes;
    }
    compiled.set(name, bytes);
  }
  return bytes;
}
