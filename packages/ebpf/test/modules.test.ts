/** The types of modules, in a folder like the kernel's. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { KernelModules } from '../src/btf/modules.js';
import { BtfBuilder, FormatError, Kind, SyscallError, UnsupportedError } from '../src/index.js';
import { kernelOps, structMemberTarget } from '../src/load/kernel-ops.js';
import { ModuleTypes } from '../src/load/module-types.js';
import { splitBlob } from './support/split-btf.js';

const root = mkdtempSync(join(tmpdir(), 'weir-modules-'));
after(() => rmSync(root, { recursive: true }));

function base() {
  const builder = new BtfBuilder();
  const int = builder.addInt('int', 4);
  builder.addStruct('shared', 4, [{ name: 'a', typeId: int, offset: 0 }]);
  return builder.build();
}

function folder(name: string, files: Readonly<Record<string, Uint8Array>>): string {
  const path = join(root, name);
  mkdirSync(path);
  for (const [file, bytes] of Object.entries(files)) writeFileSync(join(path, file), bytes);
  return path;
}

test('a type is found in the module that has it, by the id that continues the kernel’s', () => {
  const kernel = base();
  const path = folder('two', {
    vmlinux: new Uint8Array(),
    // One without the wanted type, and one that is not to be read at all.
    first: splitBlob(kernel),
    second: new Uint8Array(),
  });
  const modules = new KernelModules(kernel, path);
  assert.deepEqual(modules.names, ['first', 'second']);
  const found = modules.find('shared', Kind.struct);
  assert.deepEqual([found?.module, found?.typeId], ['first', kernel.length]);
  assert.equal(modules.findIn('first', 'shared', Kind.func), undefined);
  assert.equal(modules.findIn('absent', 'shared', Kind.struct), undefined);
});

test('types that cannot be understood are an error, which names the module', () => {
  const kernel = base();
  const modules = new KernelModules(kernel, folder('damaged', { broken: splitBlob(kernel).subarray(0, 40) }));
  assert.throws(
    () => modules.find('anything', Kind.struct),
    (error) => error instanceof FormatError && /module broken \(.*\/broken\): BTF: the/.test(error.message),
  );
});

test('types that cannot be read are an error, and a kernel without any has none', () => {
  const path = folder('unreadable', {});
  mkdirSync(join(path, 'directory'));
  const modules = new KernelModules(base(), path);
  assert.throws(() => [...modules.all()], SyscallError);
  assert.deepEqual([...new KernelModules(base(), join(root, 'nothing')).all()], []);
});

test('a struct of functions is found in the module that has it, and named by the descriptor of its types', () => {
  const builder = new BtfBuilder();
  const pointer = builder.add({ kind: Kind.ptr, name: '', typeId: 0 });
  const ops = builder.addStruct('weir_ops', 16, [
    { name: 'first', typeId: pointer, offset: 0 },
    { name: 'second', typeId: pointer, offset: 8 },
  ]);
  const common = builder.addStruct('bpf_struct_ops_common', 8, []);
  const value = builder.addStruct('bpf_struct_ops_weir_ops', 128, [
    { name: 'common', typeId: common, offset: 0 },
    { name: 'data', typeId: ops, offset: 64 },
  ]);
  const btf = builder.build();
  const descriptor = 77;
  // No module of Debian's kernels has such a struct: this one stands in for a module's types in the kernel.
  class OneModule extends ModuleTypes {
    override get modules() {
      const find = (name: string, kind: number) => {
        const typeId = btf.find(name, kind);
        return typeId === undefined ? undefined : { module: 'weir', typeId };
      };
      return { find, get: () => btf } as unknown as KernelModules;
    }
    override open(): number {
      return descriptor;
    }
  }
  const modules = new OneModule();
  const found = kernelOps('weir_ops___flavour', modules);
  assert.deepEqual(
    [found.btfFd, found.typeId, found.valueTypeId, found.valueSize, found.dataOffset],
    [descriptor, ops, value, 128, 64],
  );
  const program = { name: 'mine', structMember: { struct: 'weir_ops', member: 'second' } };
  assert.deepEqual(structMemberTarget(program as Parameters<typeof structMemberTarget>[0], modules), {
    attachBtfId: ops,
    expectedAttachType: 1,
    attachBtfObjFd: descriptor,
  });
  assert.throws(() => kernelOps('weir_none', modules), UnsupportedError);
});
