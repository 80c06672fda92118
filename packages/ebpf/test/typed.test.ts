/** Modules that weir-bpf2ts writes: what they hold, in each format. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { generate } from '../src/codegen/generate.js';
import { ElfFile } from '../src/elf/file.js';
import { stripDebug } from '../src/elf/strip-debug.js';
import { parseObject } from '../src/object/parse-object.js';
import { compileBpf } from './support/compile-bpf.js';
import { testObject, testPrograms } from './support/objects.js';

for (const name of ['typed', 'user-ring', 'arena', 'storage']) {
  test(`the committed module of ${name}.bpf.c is what weir-bpf2ts gives`, () => {
    using object = compileBpf(`load/${name}.bpf.c`, '-mcpu=v2');
    const text = generate(object.bytes, `${name}.bpf.o`, { runtime: '../../src/index.js' });
    const committed = fileURLToPath(new URL(`../../test/generated/${name}.ts`, import.meta.url));
    assert.equal(text, readFileSync(committed, 'utf8'), 'write it again: see its first lines');
  });
}

test('an object without debug sections parses to the same maps, programs and types', () => {
  let smaller = 0;
  for (const name of testPrograms()) {
    const whole = testObject(name);
    const stripped = stripDebug(whole);
    const kept = (bytes: Uint8Array) => {
      const elf = ElfFile.parse(bytes);
      const present = elf.sections.filter((section) => section.type !== 0 && !/debug_/.test(section.name));
      return present.map((section) => [section.name, section.type, elf.data(section)]);
    };
    assert.deepEqual(kept(stripped), kept(whole), name);
    if (stripped.length < whole.length) smaller++;
    if (name === 'object/ksyms') continue;
    assert.deepEqual(parseObject(stripped).programs, parseObject(whole).programs, name);
  }
  assert.ok(smaller > 10);
});

test('the module in JavaScript gives the same values, with import and with require', () => {
  using object = compileBpf('load/typed.bpf.c', '-mcpu=v2');
  const command = fileURLToPath(new URL('../../bin/weir-bpf2ts.js', import.meta.url));
  const folder = join(object.path, '..');
  const library = new URL('../../dist/', import.meta.url);
  const runtimes = {
    mjs: new URL('src/index.js', library).href,
    cjs: fileURLToPath(new URL('cjs/index.cjs', library)),
  };
  const use = `
    const view = new DataView(new ArrayBuffer(typed.sizeofNote));
    typed.writeNote(view, 0, { number: 2 ** 40, round: 3, text: 'hello' });
    const columns = new typed.NoteColumns(2);
    columns.push(view, 0);
    console.log(JSON.stringify([
      typed.maps.notes.value.read(view, 0), [...columns.round], typed.programs, Object.keys(typed.globals).sort(), typeof typed.load,
    ]));`;
  const answers = Object.entries(runtimes).map(([ending, runtime]) => {
    const output = join(folder, `typed.${ending}`);
    execFileSync(process.execPath, [command, object.path, '-o', output, '--runtime', runtime]);
    const load =
      ending === 'mjs' ? `const typed = await import('${output}');` : `const typed = require('${output}');`;
    const type = ending === 'mjs' ? 'module' : 'commonjs';
    const args = [`--input-type=${type}`, '-e', load + use];
    return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
  });
  const expected = [
    { number: 2 ** 40, round: 3, text: 'hello' },
    [3, 0],
    { takeNote: 'take_note', takeSample: 'take_sample', onEnter: 'on_enter' },
    ['firstRound', 'label', 'last', 'total'],
    'function',
  ];
  assert.deepEqual(answers, [expected, expected]);
});
