import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BtfBuilder } from '../src/btf/builder.js';
import { encodeTypes } from '../src/btf/encode.js';
import { kernelBtf } from '../src/btf/kernel.js';
import { essentialName } from '../src/btf/names.js';
import { Btf } from '../src/btf/parse.js';
import { type BtfType, Kind, Linkage } from '../src/btf/types.js';
import { FormatError, OptionError } from '../src/errors.js';
import { splitBlob } from './support/split-btf.js';

/** One of each kind, with everything that can be said of it. */
const everyKind: readonly BtfType[] = [
  { kind: Kind.int, name: 'int', size: 4, signed: true, char: false, bool: false, bits: 32, bitOffset: 0 },
  { kind: Kind.ptr, name: '', typeId: 4 },
  { kind: Kind.array, name: '', elementTypeId: 1, indexTypeId: 1, count: 7 },
  {
    kind: Kind.struct,
    name: 'node',
    size: 40,
    members: [
      { name: 'next', typeId: 2, bitOffset: 0, bitSize: 0 },
      { name: 'values', typeId: 3, bitOffset: 64, bitSize: 0 },
      { name: 'low', typeId: 1, bitOffset: 288, bitSize: 5 },
      { name: 'high', typeId: 1, bitOffset: 293, bitSize: 27 },
    ],
  },
  { kind: Kind.union, name: '', size: 4, members: [{ name: 'a', typeId: 1, bitOffset: 0, bitSize: 0 }] },
  {
    kind: Kind.enum,
    name: 'sign',
    size: 4,
    signed: true,
    values: [
      { name: 'MINUS', value: -1 },
      { name: 'PLUS', value: 1 },
    ],
  },
  { kind: Kind.enum, name: 'mask', size: 4, signed: false, values: [{ name: 'ALL', value: 0xffffffff }] },
  { kind: Kind.fwd, name: 'hidden', union: true },
  { kind: Kind.typedef, name: 'number', typeId: 1 },
  { kind: Kind.volatile, name: '', typeId: 9 },
  { kind: Kind.const, name: '', typeId: 10 },
  { kind: Kind.restrict, name: '', typeId: 2 },
  {
    kind: Kind.funcProto,
    name: '',
    returnTypeId: 1,
    parameters: [
      { name: 'first', typeId: 2 },
      { name: '', typeId: 0 },
    ],
  },
  { kind: Kind.func, name: 'call', typeId: 13, linkage: Linkage.global },
  { kind: Kind.var, name: 'counter', typeId: 11, linkage: Linkage.static },
  { kind: Kind.datasec, name: '.bss', size: 8, variables: [{ typeId: 15, offset: 4, size: 4 }] },
  { kind: Kind.float, name: 'double', size: 8 },
  { kind: Kind.declTag, name: 'tag', typeId: 4, componentIndex: -1 },
  { kind: Kind.declTag, name: 'member tag', typeId: 4, componentIndex: 2 },
  { kind: Kind.typeTag, name: 'user', typeId: 4, attribute: true },
  {
    kind: Kind.enum64,
    name: 'wide',
    size: 8,
    signed: false,
    values: [
      { name: 'TOP', value: 0xffff_ffff_0000_0001n },
      { name: 'ONE', value: 1n },
    ],
  },
  { kind: Kind.enum64, name: 'deep', size: 8, signed: true, values: [{ name: 'LOW', value: -(2n ** 40n) }] },
];

for (const littleEndian of [true, false]) {
  test(`every kind survives encoding, ${littleEndian ? 'little' : 'big'}-endian`, () => {
    const btf = Btf.parse(encodeTypes(everyKind, littleEndian));
    assert.equal(btf.littleEndian, littleEndian);
    assert.equal(btf.length, everyKind.length + 1);
    assert.deepEqual(btf.type(0), { kind: Kind.void, name: '' });
    everyKind.forEach((type, i) => {
      assert.deepEqual(btf.type(i + 1), type);
      assert.equal(btf.kind(i + 1), type.kind);
    });
    const again = Btf.parse(btf.encode());
    everyKind.forEach((type, i) => {
      assert.deepEqual(again.type(i + 1), type);
    });
  });
}

test('sizes follow typedefs, modifiers, arrays and variables', () => {
  const builder = new BtfBuilder();
  const int = builder.addInt('int', 4, { signed: true });
  const row = builder.addArray(int, 3);
  const matrix = builder.addArray(builder.addConst(builder.addTypedef('row_t', row)), 5);
  const variable = builder.add({ kind: Kind.var, name: 'm', typeId: matrix, linkage: Linkage.global });
  const pointer = builder.addPtr(0);
  const btf = builder.build();
  assert.equal(btf.size(matrix), 60);
  assert.equal(btf.size(variable), 60);
  assert.equal(btf.size(pointer), 8);
  assert.throws(() => btf.size(0), FormatError);
});

test("the size of pointers follows from a program's long", () => {
  const builder = new BtfBuilder();
  builder.addInt('unsigned long', 4);
  const pointer = builder.addPtr(0);
  const btf = builder.build();
  assert.equal(btf.pointerSize, 4);
  assert.equal(btf.size(pointer), 4);
});

test('names are found exactly, and by what precedes the flavour', () => {
  const builder = new BtfBuilder();
  const plain = builder.addStruct('sock', 0, []);
  const flavoured = builder.addStruct('sock___old', 0, []);
  const typedef = builder.addTypedef('sock', plain);
  const btf = builder.build();
  assert.deepEqual(btf.typesByName('sock'), [plain, typedef]);
  assert.deepEqual(btf.typesByName('sock___old'), [flavoured]);
  assert.deepEqual(btf.typesByEssentialName('sock'), [plain, flavoured, typedef]);
  assert.deepEqual(btf.typesByEssentialName('sock___new'), [plain, flavoured, typedef]);
  assert.deepEqual(btf.typesByName('soc'), []);
  assert.deepEqual(btf.typesByName(''), []);
  assert.equal(btf.find('sock', Kind.typedef), typedef);
  assert.equal(btf.find('sock', Kind.union), undefined);
});

test('a flavour is what follows the last three underscores between other characters', () => {
  assert.equal(essentialName('sock'), 'sock');
  assert.equal(essentialName('sock___v2'), 'sock');
  assert.equal(essentialName('sock___a___b'), 'sock___a');
  assert.equal(essentialName('___sock'), '___sock');
  assert.equal(essentialName('sock___'), 'sock___');
  assert.equal(essentialName('sock____x'), 'sock____x');
  // Every name of nine letters from two.
  for (let bits = 0; bits < 512; bits++) {
    const name = Array.from({ length: 9 }, (_, i) => ((bits >> i) & 1 ? '_' : 'x')).join('');
    const flavour = /^(.*[^_])___[^_].*$/.exec(name);
    assert.equal(essentialName(name), flavour?.[1] ?? name);
  }
});

test('split BTF continues the ids and strings of its base', () => {
  const builder = new BtfBuilder();
  const int = builder.addInt('int', 4);
  const first = builder.addStruct('shared', 4, [{ name: 'a', typeId: int, offset: 0 }]);
  const base = builder.build();
  const blob = splitBlob(base);
  assert.throws(() => Btf.parse(blob), /does not begin with a NUL/);
  const split = Btf.parse(blob, base);
  assert.equal(split.firstId, base.length);
  assert.equal(split.length, base.length + 3);
  assert.deepEqual(split.typesByName('first_of_all'), [base.length + 2]);
  assert.deepEqual(split.typesByName('own'), []);
  assert.deepEqual(split.typesByName('shared'), [first, base.length]);
  assert.deepEqual(base.typesByName('shared'), [first]);
  assert.deepEqual(split.type(base.length), {
    kind: Kind.struct,
    name: 'shared',
    size: 4,
    members: [{ name: 'own', typeId: int, bitOffset: 0, bitSize: 0 }],
  });
  assert.equal(split.size(base.length), 4);
  const merged = Btf.parse(split.encode());
  assert.deepEqual(merged.type(base.length), split.type(base.length));
  assert.deepEqual(merged.type(int), base.type(int));
});

test('an ELF file of any machine has its types read', () => {
  const builder = new BtfBuilder();
  builder.addInt('int', 4);
  const blob = builder.build().encode();
  const names = Buffer.from('\0.BTF\0.names\0');
  const file = Buffer.alloc(64 + 3 * 64 + names.length + blob.length);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  file.writeUInt16LE(62, 18);
  file.writeBigUInt64LE(64n, 40);
  file.writeUInt16LE(64, 58);
  file.writeUInt16LE(3, 60);
  file.writeUInt16LE(2, 62);
  const section = (index: number, name: number, offset: number, bytes: Uint8Array) => {
    const at = 64 + index * 64;
    file.writeUInt32LE(name, at);
    file.writeUInt32LE(1, at + 4);
    file.writeBigUInt64LE(BigInt(offset), at + 24);
    file.writeBigUInt64LE(BigInt(bytes.length), at + 32);
    file.set(bytes, offset);
  };
  section(1, 1, 256, blob);
  section(2, 6, 256 + blob.length, names);
  assert.deepEqual(Btf.parse(file).typesByName('int'), [1]);
  for (let length = 4; length < file.length; length += 7)
    assert.throws(() => Btf.parse(file.subarray(0, length)), FormatError);
  file.writeUInt32LE(0, 64 + 64);
  assert.throws(() => Btf.parse(file), /has no .BTF section/);
});

test('unknown kinds are skipped where the blob says how long they are', () => {
  const plain = encodeTypes([
    { kind: Kind.fwd, name: 'newer', union: false },
    { kind: Kind.float, name: 'after', size: 4 },
  ]);
  const types = plain.subarray(24, 24 + 24);
  const strings = plain.subarray(48);
  const layout = new Uint8Array(21 * 4);
  layout.set([4, 8], 20 * 4);
  const header = new Uint8Array(32);
  header.set(plain.subarray(0, 24));
  const headerView = new DataView(header.buffer);
  headerView.setUint32(4, 32, true);
  // Kind 20 with two elements of 8 bytes after 4 fixed ones.
  const longer = Buffer.concat([types.subarray(0, 12), new Uint8Array(20), types.subarray(12)]);
  longer.writeUInt32LE((20 << 24) | 2, 4);
  headerView.setUint32(12, longer.length, true);
  headerView.setUint32(16, longer.length, true);
  headerView.setUint32(24, longer.length + strings.length, true);
  headerView.setUint32(28, layout.length, true);
  const btf = Btf.parse(Buffer.concat([header, longer, strings, layout]));
  assert.deepEqual(btf.type(1), { kind: Kind.opaque, name: 'newer', rawKind: 20 });
  assert.deepEqual(btf.type(2), { kind: Kind.float, name: 'after', size: 4 });
  headerView.setUint32(28, 0, true);
  assert.throws(() => Btf.parse(Buffer.concat([header, longer, strings, layout])), /unknown kind 20/);
});

test('types that contain themselves have no size', () => {
  const builder = new BtfBuilder();
  const typedef = builder.addTypedef('loop', builder.nextId + 1);
  builder.addTypedef('loop', typedef);
  const array = builder.addArray(builder.nextId, 2);
  const constant = builder.addConst(builder.nextId);
  const btf = builder.build();
  assert.throws(() => btf.size(typedef), FormatError);
  assert.throws(() => btf.skipModifiers(typedef), FormatError);
  assert.throws(() => btf.size(array), FormatError);
  assert.throws(() => btf.skipModifiers(constant), FormatError);
});

test('arrays beyond all memory have no size', () => {
  const builder = new BtfBuilder();
  const byte = builder.addInt('char', 1);
  const big = builder.addArray(builder.addArray(byte, 0xffffffff), 0xffffffff);
  const none = builder.addArray(builder.addArray(byte, 0), 0xffffffff);
  const btf = builder.build();
  assert.throws(() => btf.size(big), FormatError);
  assert.equal(btf.size(none), 0);
});

test('references and names outside the blob are refused when they are followed', () => {
  const builder = new BtfBuilder();
  const pointer = builder.addPtr(1000);
  const btf = builder.build();
  assert.throws(() => btf.type(pointer), /refers to type 1000/);
  assert.throws(() => btf.type(2), /no type 2/);
  assert.throws(() => btf.type(-1), FormatError);
  assert.throws(() => btf.type(1.5), FormatError);
  assert.throws(() => btf.string(99), FormatError);
});

test('names are found with and without flavours, whatever underscores they have', () => {
  const names = [
    'sock',
    'sock___old',
    'sock___',
    'sock___a___b',
    'sock___a',
    '___sock',
    'größe',
    'größe___x',
    'a.b+',
    'lock',
    'a___b',
    '_____x',
    'x__y',
    'x____y',
    'x',
  ];
  // Twice each, with the same strings, and so many that a search goes through them in parts.
  const many = Array.from({ length: 12_000 }, (_, i) => `type_${i}`);
  const all = [...names, ...many, ...names];
  const blob = encodeTypes(all.map((name) => ({ kind: Kind.fwd, name, union: false }) as const));
  const wanted = [...names, 'a', 'y', 'b', 'type_11999', 'type_1200'];
  const search = () => Btf.parse(blob, undefined, { deduplicated: true });
  const expecting = search();
  expecting.expectNames(wanted);
  const ids = (fits: (name: string) => boolean) =>
    all.flatMap((name, index) => (fits(name) ? [index + 1] : []));
  for (const name of wanted) {
    const [same, essential] = [
      ids((each) => each === name),
      ids((each) => essentialName(each) === essentialName(name)),
    ];
    for (const btf of [Btf.parse(blob), search(), expecting]) {
      assert.deepEqual(btf.typesByName(name), same, name);
      assert.deepEqual(btf.typesByEssentialName(name), essential, name);
      assert.deepEqual(btf.typesByName(name), same, name);
    }
  }
});

test('names are found where so many are asked for that they are indexed after all', () => {
  const names = Array.from({ length: 40 }, (_, i) => `type_${i}${i % 3 === 0 ? '___old' : ''}`);
  const blob = encodeTypes(names.map((name) => ({ kind: Kind.fwd, name, union: false }) as const));
  const btf = Btf.parse(blob, undefined, { deduplicated: true });
  for (const [index, name] of names.entries()) {
    assert.deepEqual(btf.typesByName(name), [index + 1]);
    assert.deepEqual(btf.typesByEssentialName(name), [index + 1]);
    assert.deepEqual(btf.typesByName(`no_${name}`), []);
  }
});

test('names longer than any compiler makes are refused', () => {
  const builder = new BtfBuilder();
  builder.addStruct('x'.repeat(100_000), 0, []);
  const btf = builder.build();
  assert.throws(() => btf.type(1), FormatError);
  assert.throws(() => btf.typesByName('x'), FormatError);
});

/** Asks for everything a blob holds. */
function visit(btf: Btf): void {
  for (let id = 0; id < btf.length; id++) {
    for (const ask of [() => btf.type(id), () => btf.size(id), () => btf.skipModifiers(id)]) {
      try {
        ask();
      } catch (error) {
        assert(error instanceof FormatError, String(error));
      }
    }
  }
  btf.typesByEssentialName('node');
}

test('damaged blobs end in a FormatError, at every length and with any byte changed', () => {
  const blob = encodeTypes(everyKind);
  const attempt = (bytes: Uint8Array) => {
    try {
      visit(Btf.parse(bytes));
    } catch (error) {
      assert(error instanceof FormatError, String(error));
    }
  };
  for (let length = 0; length < blob.length; length++) attempt(blob.slice(0, length));
  for (let at = 0; at < blob.length; at++) {
    for (const value of [0, 1, 0x7f, 0x80, 0xff, blob[at]! ^ 1]) {
      const damaged = blob.slice();
      damaged[at] = value;
      attempt(damaged);
    }
  }
});

test('the builder resumes from a blob and replaces types', () => {
  const builder = BtfBuilder.from(Btf.parse(encodeTypes(everyKind)));
  builder.replace(8, { kind: Kind.fwd, name: 'shown', union: false });
  const added = builder.addUnion('either', 8, [{ name: 'x', typeId: 1, offset: 0 }]);
  const btf = builder.build();
  assert.equal(added, everyKind.length + 1);
  assert.deepEqual(btf.type(8), { kind: Kind.fwd, name: 'shown', union: false });
  assert.deepEqual(btf.type(4), everyKind[3]);
  assert.throws(() => builder.replace(99, everyKind[0]!), OptionError);
});

test("this kernel's types agree with themselves", () => {
  const btf = kernelBtf();
  assert(btf, 'this kernel has no /sys/kernel/btf/vmlinux');
  const id = btf.find('task_struct', Kind.struct);
  assert(id !== undefined);
  const type = btf.type(id);
  assert(type.kind === Kind.struct);
  assert(type.size > 1000 && btf.size(id) === type.size);
  const comm = type.members.find(({ name }) => name === 'comm');
  assert(comm !== undefined);
  assert.equal(btf.size(comm.typeId), 16);
  assert.equal(kernelBtf(), btf);
  // Written anew, every type is the same.
  const copy = BtfBuilder.from(btf).build();
  assert.equal(copy.length, btf.length);
  for (let i = 0; i < btf.length; i += 97) assert.deepEqual(copy.type(i), btf.type(i));
});
