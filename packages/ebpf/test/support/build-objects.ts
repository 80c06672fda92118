/**
 * Puts all test programs, compiled, and the committed objects of the tracer and the examples into a folder, for test runs on machines without
 * a compiler: `node dist/test/support/build-objects.js FOLDER`, then WEIR_TEST_OBJECTS=FOLDER.
 */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { committedObjects, testObject, testPrograms } from './objects.js';

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error('usage: build-objects FOLDER');
  process.exit(2);
}
delete process.env.WEIR_TEST_OBJECTS;
for (const name of testPrograms()) {
  const path = join(folder, `${name}.bpf.o`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, testObject(name));
}
for (const { name, path } of committedObjects()) {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  copyFileSync(path, join(folder, name));
}
