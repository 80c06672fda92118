/** The committed layouts of kernel structs, against the running kernel's own types. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { kernelBtf } from '../src/btf/kernel.js';
import { kernelLayouts } from '../src/codegen/kernel-structs.js';
import { kernelConfig } from '../src/features/config.js';
import { attrLayouts, structLayouts } from '../src/generated/kernel-structs.js';
import type { Fields, StructLayout } from '../src/sys/kernel-struct.js';
import { assertRoot } from './support/root.js';

assertRoot();

/** Members of a struct and of those inside it, with their places, as lines. */
function lines(name: string, fields: Fields): string[] {
  return Object.entries(fields).flatMap(([member, field]) =>
    field.kind === 'struct'
      ? lines(`${name}.${member}`, field.fields)
      : [`${name}.${member} ${JSON.stringify(field, Object.keys(field).sort())}`],
  );
}

function allLines(layouts: Readonly<Record<string, StructLayout>>): string[] {
  return Object.entries(layouts).flatMap(([name, { fields }]) => lines(name, fields));
}

describe('the committed layouts of kernel structs', () => {
  const btf = kernelBtf();

  it('are compared wherever the kernel has BTF', () => {
    if (btf === undefined) assert.notEqual(kernelConfig()?.get('CONFIG_DEBUG_INFO_BTF'), 'y');
  });

  it('have every member of the running kernel in its place', () => {
    if (btf === undefined) return;
    const kernel = kernelLayouts(btf);
    const committed = new Set([...allLines(attrLayouts), ...allLines(structLayouts)]);
    const own = [...allLines(kernel.attr), ...allLines(kernel.struct)];
    assert.ok(own.length > 150, `${own.length} members`);
    assert.deepEqual(
      own.filter((line) => !committed.has(line)),
      [],
      'generate them again from the newest kernel: npm run build:attr',
    );
  });
});
