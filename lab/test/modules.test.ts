import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { describeOnDemand, loadOrder, moduleDependencies } from '../src/kernels/modules.js';

/** The smallest ELF file with a `.modinfo` section that names dependencies. */
function module(depends: string): Buffer {
  const info = Buffer.from(`license=GPL\0xdepends=wrong\0depends=${depends}\0`);
  const names = Buffer.from('\0.modinfo\0.shstrtab\0');
  const header = Buffer.alloc(64);
  const sections = Buffer.alloc(3 * 64);
  header.writeBigUInt64LE(BigInt(64 + info.length + names.length), 40);
  header.writeUInt16LE(64, 58);
  header.writeUInt16LE(3, 60);
  header.writeUInt16LE(2, 62);
  const section = (index: number, name: number, offset: number, size: number) => {
    sections.writeUInt32LE(name, index * 64);
    sections.writeBigUInt64LE(BigInt(offset), index * 64 + 24);
    sections.writeBigUInt64LE(BigInt(size), index * 64 + 32);
  };
  section(1, 1, 64, info.length);
  section(2, 10, 64 + info.length, names.length);
  return Buffer.concat([header, info, names, sections]);
}

test('moduleDependencies reads the depends entry', () => {
  assert.deepEqual(moduleDependencies(module('udp_tunnel,ip6-tunnel')), ['udp_tunnel', 'ip6_tunnel']);
  assert.deepEqual(moduleDependencies(module('')), []);
});

test('loadOrder puts each module after what it needs, once, and leaves out what is not there', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-modules-'));
  try {
    writeFileSync(join(folder, 'a.ko'), module('b-x,c,builtin'));
    writeFileSync(join(folder, 'b-x.ko'), module('c'));
    writeFileSync(join(folder, 'c.ko'), module(''));
    const order = await loadOrder(folder, ['a', 'missing', 'c']);
    assert.deepEqual(
      order.map(({ name }) => name),
      ['c', 'b_x', 'a'],
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('describeOnDemand names what a module needs and asks for, and leaves out one that is not there', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-modules-'));
  try {
    for (const [name, depends] of [
      ['a-b', 'c'],
      ['c', ''],
      ['cipher', ''],
    ] as const)
      writeFileSync(join(folder, `${name}.ko`), module(depends));
    const wanted = { 'a-b': ['cipher', 'builtin'], missing: ['cipher'], c: [] };
    assert.equal(await describeOnDemand(folder, wanted), 'cipher c a_b\nc\n');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
