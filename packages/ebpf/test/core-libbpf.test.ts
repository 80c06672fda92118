/** Relocates the same objects as libbpf, against this kernel, and compares every instruction. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { relocate } from '../src/btf/core/relocate.js';
import { CoreKind } from '../src/btf/ext.js';
import { kernelBtf } from '../src/btf/kernel.js';
import { type CompiledObject, compileBpf, readTypes } from './support/compile-bpf.js';
import { applyChanges, disassemble, libbpfChanges } from './support/libbpf-oracle.js';

function compare(object: CompiledObject): Set<number> {
  const { btf, ext, section } = readTypes(object.bytes);
  const target = kernelBtf();
  assert(target, 'this kernel has no BTF');
  const expected = libbpfChanges(object.path);
  const kinds = new Set<number>();
  for (const [name, relocations] of ext.coreRelocations) {
    const original = section(name);
    const program = name.slice(name.indexOf('/') + 1);
    const wanted = applyChanges(original, expected.get(program) ?? []);
    const results = relocate(original, relocations, btf, [target]);
    assert.equal(results.length, relocations.length);
    assert.deepEqual(disassemble(original), disassemble(wanted), program);
    for (const { kind } of relocations) kinds.add(kind);
  }
  return kinds;
}

for (const cpu of ['v2', 'v3']) {
  test(`fields are relocated as libbpf does, -mcpu=${cpu}`, () => {
    using object = compileBpf('core/fields.bpf.c', `-mcpu=${cpu}`);
    const kinds = compare(object);
    const { fieldByteOffset, fieldByteSize, fieldExists, fieldSigned, fieldLeftShift, fieldRightShift } =
      CoreKind;
    for (const kind of [
      fieldByteOffset,
      fieldByteSize,
      fieldExists,
      fieldSigned,
      fieldLeftShift,
      fieldRightShift,
    ]) {
      assert(kinds.has(kind), `kind ${kind} occurs`);
    }
  });

  test(`types and enumerators are relocated as libbpf does, -mcpu=${cpu}`, () => {
    using object = compileBpf('core/types.bpf.c', `-mcpu=${cpu}`);
    const kinds = compare(object);
    const { typeIdLocal, typeIdTarget, typeExists, typeSize, typeMatches, enumValue, enumValueExists } =
      CoreKind;
    for (const kind of [
      typeIdLocal,
      typeIdTarget,
      typeExists,
      typeSize,
      typeMatches,
      enumValue,
      enumValueExists,
    ]) {
      assert(kinds.has(kind), `kind ${kind} occurs`);
    }
  });
}
