/** CO-RE against types built in memory: what libbpf's rules say, without a kernel. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BtfBuilder } from '../src/btf/builder.js';
import { Candidates } from '../src/btf/core/candidates.js';
import { poisonHelper } from '../src/btf/core/patch.js';
import { type CoreResult, relocate } from '../src/btf/core/relocate.js';
import { CoreKind, type CoreRelocation } from '../src/btf/ext.js';
import type { Btf } from '../src/btf/parse.js';
import { EbpfError, FormatError } from '../src/errors.js';
import { assemble, insn } from '../src/insn/assembler.js';
import { instructionSize } from '../src/insn/insn.js';

type Build = (builder: BtfBuilder) => void;

function types(build: Build, littleEndian = true): Btf {
  const builder = new BtfBuilder();
  build(builder);
  return builder.build(littleEndian);
}

function relocation(typeId: number, accessString: string, kind: number, offset = 0): CoreRelocation {
  return { offset, typeId, accessString, accessStringOffset: 0, kind };
}

const movImmediate = (value: number) => assemble(insn.movImmediate(1, value));
const loadWord = (offset: number) => assemble(insn.load(4, 1, 2, offset));
const storeByte = (offset: number) => assemble(insn.storeImmediate(1, 1, offset, 9));
const wide = (value: bigint) => assemble(insn.loadImmediate64(1, value));
const poison = assemble(insn.call(poisonHelper));

/** The local type with id 2 is asked about; its values stand in an ALU instruction. */
function ask(
  local: Btf,
  target: Btf,
  access: string,
  kind: number,
  expected: number,
  typeId = 2,
): CoreResult {
  const bytes = movImmediate(expected);
  const [result] = relocate(bytes, [relocation(typeId, access, kind)], local, [target]);
  assert(result !== undefined);
  const view = new DataView(bytes.buffer);
  if (result.value === undefined) assert.equal(view.getInt32(4, true), poisonHelper);
  else assert.equal(view.getInt32(4, true), Number(BigInt.asIntN(32, result.value)));
  return result;
}

/** struct sock { int a; int b; } */
const localSock: Build = (builder) => {
  const int = builder.addInt('int', 4, { signed: true });
  builder.addStruct('sock', 8, [
    { name: 'a', typeId: int, offset: 0 },
    { name: 'b', typeId: int, offset: 4 },
  ]);
};

/** struct sock { long pad; union { struct { u16 x; u16 b; }; int a; }; } */
const targetSock: Build = (builder) => {
  const long = builder.addInt('long', 8, { signed: true });
  const short = builder.addInt('unsigned short', 2);
  const int = builder.addInt('int', 4, { signed: true });
  const inner = builder.addStruct('', 4, [
    { name: 'x', typeId: short, offset: 0 },
    { name: 'b', typeId: short, offset: 2 },
  ]);
  const union = builder.addUnion('', 4, [
    { name: '', typeId: inner, offset: 0 },
    { name: 'a', typeId: int, offset: 0 },
  ]);
  builder.addStruct('sock', 16, [
    { name: 'unrelated', typeId: long, offset: 0 },
    { name: '', typeId: union, offset: 8 },
  ]);
};

test('fields are found by name within anonymous structs and unions', () => {
  const [local, target] = [types(localSock), types(targetSock)];
  const a = ask(local, target, '0:0', CoreKind.fieldByteOffset, 0);
  assert.equal(a.value, 8n);
  assert.equal(a.description, 'struct sock.a');
  assert.equal(a.outcome, 'resolved');
  assert.equal(ask(local, target, '0:1', CoreKind.fieldByteOffset, 4).value, 10n);
  assert.equal(ask(local, target, '0:1', CoreKind.fieldByteSize, 4).value, 2n);
  assert.equal(ask(local, target, '0:0', CoreKind.fieldSigned, 1).value, 1n);
  assert.equal(ask(local, target, '0:1', CoreKind.fieldSigned, 1).value, 0n);
  assert.equal(ask(local, target, '0:1', CoreKind.fieldLeftShift, 32).value, 48n);
  assert.equal(ask(local, target, '0:1', CoreKind.fieldRightShift, 32).value, 48n);
  assert.equal(ask(local, target, '0:0', CoreKind.fieldExists, 1).value, 1n);
});

test("indexes into the pointer and into arrays count in the target's sizes", () => {
  const local = types((builder) => {
    const int = builder.addInt('int', 4);
    builder.addStruct('s', 12, [{ name: 'list', typeId: 3, offset: 0 }]);
    builder.addArray(int, 3);
  });
  const target = types((builder) => {
    const int = builder.addInt('int', 8);
    builder.addStruct('s', 40, [{ name: 'list', typeId: builder.nextId + 1, offset: 8 }]);
    builder.addArray(int, 4);
  });
  assert.equal(ask(local, target, '0:0:2', CoreKind.fieldByteOffset, 8).value, 24n);
  assert.equal(ask(local, target, '2:0:1', CoreKind.fieldByteOffset, 28).value, 96n);
  assert.equal(ask(local, target, '0:0:1', CoreKind.fieldByteSize, 4).value, 8n);
  assert.equal(ask(local, target, '1', CoreKind.fieldByteOffset, 12).value, 40n);
  const shorter = types((builder) => {
    const int = builder.addInt('int', 4);
    builder.addStruct('s', 8, [{ name: 'list', typeId: builder.nextId + 1, offset: 0 }]);
    builder.addArray(int, 2);
  });
  assert.equal(ask(local, shorter, '0:0:2', CoreKind.fieldExists, 1).value, 0n);
  assert.throws(() => ask(local, target, '0:0:3', CoreKind.fieldExists, 1), FormatError);
  assert.throws(() => ask(local, target, '0:0:1', CoreKind.fieldSigned, 0), FormatError);
});

test('flexible arrays have any index, as last members only', () => {
  const build =
    (last: boolean): Build =>
    (builder) => {
      const int = builder.addInt('int', 4);
      const array = builder.nextId + 1;
      builder.addStruct('s', 8, [
        ...(last ? [{ name: 'head', typeId: int, offset: 0 }] : []),
        { name: 'tail', typeId: array, offset: 4 },
        ...(last ? [] : [{ name: 'head', typeId: int, offset: 4 }]),
      ]);
      builder.addArray(int, 0);
    };
  const [flexible, zero] = [types(build(true)), types(build(false))];
  assert.equal(ask(flexible, flexible, '0:1:100', CoreKind.fieldByteOffset, 404).value, 404n);
  assert.equal(ask(flexible, zero, '0:1:100', CoreKind.fieldExists, 1).value, 0n);
});

/** struct s { unsigned int flag : 2; int deep : 30; }, with the bit-fields at the given bits. */
const bitFields =
  (flagAt: number, deepAt: number): Build =>
  (builder) => {
    const unsigned = builder.addInt('unsigned int', 4);
    builder.addStruct('s', 16, [
      { name: 'flag', typeId: unsigned, bitOffset: flagAt, bitSize: 2 },
      { name: 'deep', typeId: builder.nextId + 1, bitOffset: deepAt, bitSize: 30 },
    ]);
    builder.addInt('int', 4, { signed: true });
  };

test('bit-fields are cut from the smallest aligned load that holds them', () => {
  const [local, target] = [types(bitFields(3, 32)), types(bitFields(37, 80))];
  assert.equal(ask(local, target, '0:0', CoreKind.fieldByteOffset, 0).value, 4n);
  assert.equal(ask(local, target, '0:0', CoreKind.fieldByteSize, 4).value, 4n);
  assert.equal(ask(local, target, '0:0', CoreKind.fieldLeftShift, 59).value, 64n - 7n);
  assert.equal(ask(local, target, '0:0', CoreKind.fieldRightShift, 62).value, 62n);
  // Bits 80 to 109 cross a boundary of 4 bytes: 8 are loaded.
  assert.equal(ask(local, target, '0:1', CoreKind.fieldByteOffset, 4).value, 8n);
  assert.equal(ask(local, target, '0:1', CoreKind.fieldByteSize, 4).value, 8n);
  assert.equal(ask(local, target, '0:1', CoreKind.fieldLeftShift, 34).value, 64n - (110n - 64n));
  assert.equal(ask(local, target, '0:1', CoreKind.fieldSigned, 1).value, 1n);
  // Bits 50 to 79 fit no aligned load.
  assert.throws(() => ask(local, types(bitFields(0, 50)), '0:1', CoreKind.fieldByteSize, 4), FormatError);
});

test('big-endian shifts count from the other side', () => {
  const [local, target] = [types(bitFields(3, 32), false), types(bitFields(37, 80), false)];
  // Only the opcode is set, which has no byte order.
  const bytes = assemble(insn.movImmediate(0, 0));
  const [result] = relocate(bytes, [relocation(2, '0:0', CoreKind.fieldLeftShift)], local, [target]);
  assert.equal(result?.value, 32n + 5n);
  assert.equal(new DataView(bytes.buffer).getInt32(4, false), 37);
});

test("loads and stores get the target's offset, and its width where values survive that", () => {
  const struct =
    (size: number, signed: boolean, offset: number): Build =>
    (builder) => {
      const int = builder.addInt('int', size, { signed });
      builder.addStruct('s', 64, [{ name: 'field', typeId: int, offset }]);
    };
  const run = (bytes: Uint8Array, local: Build, target: Build) => {
    const all = [relocation(2, '0:0', CoreKind.fieldByteOffset)];
    return relocate(bytes, all, types(local), [types(target)])[0]!;
  };
  const word = loadWord(4);
  run(word, struct(4, true, 4), struct(4, true, 32));
  assert.deepEqual(word, loadWord(32));

  const widened = loadWord(4);
  run(widened, struct(4, false, 4), struct(8, false, 32));
  assert.deepEqual(widened, assemble(insn.load(8, 1, 2, 32)));

  const narrowed = storeByte(4);
  run(narrowed, struct(1, false, 4), struct(2, false, 6));
  assert.deepEqual(narrowed, assemble(insn.storeImmediate(2, 1, 6, 9)));

  const wrong = loadWord(4);
  const result = run(wrong, struct(4, true, 4), struct(8, true, 32));
  assert.equal(result.outcome, 'poisoned');
  assert.deepEqual(wrong, poison);

  const odd = () => run(loadWord(4), struct(4, false, 4), struct(16, false, 32));
  assert.throws(odd, /16 bytes wide/);
  const far: Build = (builder) => {
    const int = builder.addInt('int', 4);
    builder.addStruct('s', 1 << 16, [{ name: 'field', typeId: int, offset: 40_000 }]);
  };
  assert.throws(() => run(loadWord(4), struct(4, false, 4), far), /does not fit/);
  assert.throws(() => run(loadWord(8), struct(4, false, 4), struct(4, false, 4)), /holds 8/);
});

test('a field that the target lacks is 0 where a program asks for it, and poison where it would be read', () => {
  const [local, target] = [types(localSock), types((builder) => builder.addStruct('other', 4, []))];
  assert.equal(ask(local, target, '0:0', CoreKind.fieldExists, 1).value, 0n);
  assert.equal(ask(local, target, '0', CoreKind.typeExists, 1).value, 0n);
  assert.equal(ask(local, target, '0', CoreKind.typeSize, 8).value, 0n);
  assert.equal(ask(local, target, '0', CoreKind.typeMatches, 1).value, 0n);
  assert.equal(ask(local, target, '0', CoreKind.typeIdTarget, 2).value, 0n);
  for (const [kind, expected] of [
    [CoreKind.fieldByteOffset, 0],
    [CoreKind.fieldByteSize, 4],
    [CoreKind.fieldSigned, 1],
    [CoreKind.fieldLeftShift, 32],
    [CoreKind.fieldRightShift, 32],
  ] as const) {
    const result = ask(local, target, '0:0', kind, expected);
    assert.equal(result.outcome, 'poisoned');
    assert.equal(result.target, undefined);
  }
});

test('without any target nothing exists', () => {
  const bytes = movImmediate(1);
  const [result] = relocate(bytes, [relocation(2, '0:0', CoreKind.fieldExists)], types(localSock), []);
  assert.equal(result?.value, 0n);
});

test('fields of incompatible types do not exist', () => {
  const local = types(localSock);
  const target = types((builder) => {
    const int = builder.addInt('int', 4);
    const pointer = builder.addPtr(int);
    builder.addStruct('sock', 16, [{ name: 'a', typeId: pointer, offset: 0 }]);
  });
  assert.equal(ask(local, target, '0:0', CoreKind.fieldExists, 1).value, 0n);
});

test('enumerators are found by name, whatever the width', () => {
  const local = types((builder) => {
    builder.addInt('int', 4);
    builder.addEnum('state___old', [
      { name: 'OPEN___x', value: 5 },
      { name: 'GONE', value: 6 },
      { name: 'NEGATIVE', value: -1 },
    ]);
  });
  const target = types((builder) => {
    builder.addEnum64('state', [
      { name: 'OPEN', value: 1n << 40n },
      { name: 'NEGATIVE', value: -2n },
    ]);
  });
  const bytes = wide(5n);
  const [open] = relocate(bytes, [relocation(2, '0', CoreKind.enumValue)], local, [target]);
  assert.equal(open?.value, 1n << 40n);
  assert.equal(open.description, 'enum state___old::OPEN___x');
  assert.deepEqual(bytes, wide(1n << 40n));
  const negative = wide(-1n);
  relocate(negative, [relocation(2, '2', CoreKind.enumValue)], local, [target]);
  assert.deepEqual(negative, wide(-2n));
  assert.equal(ask(local, target, '0', CoreKind.enumValueExists, 1).value, 1n);
  assert.equal(ask(local, target, '1', CoreKind.enumValueExists, 1).value, 0n);
  const gone = wide(6n);
  relocate(gone, [relocation(2, '1', CoreKind.enumValue)], local, [target]);
  assert.deepEqual(gone, Uint8Array.of(...poison, ...poison));
  assert.throws(() => ask(local, target, '3', CoreKind.enumValueExists, 1), FormatError);
});

test('a local id is the local id, even of anonymous types', () => {
  const local = types((builder) => {
    builder.addInt('int', 4);
    builder.addStruct('', 0, []);
  });
  assert.equal(ask(local, types(localSock), '0', CoreKind.typeIdLocal, 77).value, 2n);
  assert.throws(() => ask(local, types(localSock), '0', CoreKind.typeExists, 1), EbpfError);
});

/** Two types of the same name that differ. */
const ambiguous: Build = (builder) => {
  const int = builder.addInt('int', 4, { signed: true });
  builder.addStruct('sock', 8, [{ name: 'a', typeId: int, offset: 0 }]);
  builder.addStruct('sock___2', 8, [
    { name: 'a', typeId: int, offset: 0 },
    { name: 'b', typeId: int, offset: 4 },
  ]);
  builder.addStruct('sock___3', 16, [{ name: 'b', typeId: int, offset: 12 }]);
};

test('candidates that disagree are an error, those that agree are not', () => {
  const [local, target] = [types(localSock), types(ambiguous)];
  assert.equal(ask(local, target, '0:0', CoreKind.fieldByteOffset, 0).value, 0n);
  assert.throws(() => ask(local, target, '0:1', CoreKind.fieldByteOffset, 4), /ambiguous/);
  assert.throws(() => ask(local, target, '0', CoreKind.typeSize, 8), /ambiguous/);
});

test('earlier relocations narrow down the candidates of later ones', () => {
  const [local, target] = [types(localSock), types(ambiguous)];
  const candidates = new Candidates(local, [target]);
  const run = (access: string, expected: number) =>
    relocate(
      movImmediate(expected),
      [relocation(2, access, CoreKind.fieldByteOffset)],
      local,
      [target],
      candidates,
    )[0];
  assert.equal(run('0:0', 0)?.value, 0n);
  // sock___3 has no `a` and is out of the race.
  const b = run('0:1', 4);
  assert.equal(b?.value, 4n);
  assert.equal(b.target?.typeId, 3);
});

test('modules are asked for what the kernel lacks, and only then', () => {
  const [local, kernel] = [types(localSock), types(targetSock)];
  const module = types(localSock);
  const all = [relocation(2, '0:0', CoreKind.fieldByteOffset)];
  const one = relocate(movImmediate(0), all, local, [kernel, module])[0];
  assert.equal(one?.target?.btf, kernel);
  const empty = types((builder) => builder.addInt('int', 4));
  const other = relocate(movImmediate(0), all, local, [empty, module])[0];
  assert.equal(other?.target?.btf, module);
});

test('matching looks into structs, and behind pointers at names only', () => {
  const build =
    (inner: number, count: number, behind: string): Build =>
    (builder) => {
      const int = builder.addInt('int', inner, { signed: true });
      builder.addStruct('s', 64, [
        { name: 'list', typeId: builder.nextId + 1, offset: 0 },
        { name: 'next', typeId: builder.nextId + 2, offset: 32 },
      ]);
      builder.addArray(int, count);
      builder.addPtr(builder.nextId + 1);
      builder.addFwd(behind);
    };
  const local = types(build(4, 3, 'node'));
  const matches = (target: Build) => ask(local, types(target), '0', CoreKind.typeMatches, 1).value === 1n;
  assert(matches(build(4, 3, 'node')));
  assert(matches(build(4, 3, 'node___flavour')));
  assert(!matches(build(8, 3, 'node')));
  assert(!matches(build(4, 4, 'node')));
  assert(!matches(build(4, 3, 'leaf')));
});

test('types nested in themselves end in a FormatError, quickly', () => {
  const nest: Build = (builder) => {
    builder.addInt('int', 4);
    const self = builder.nextId;
    builder.addStruct('s', 8, [
      { name: 'a', typeId: self, offset: 0 },
      { name: 'a', typeId: self, offset: 0 },
      { name: 'b', typeId: 1, offset: 0 },
    ]);
  };
  const anonymous: Build = (builder) => {
    builder.addInt('int', 4);
    const self = builder.nextId;
    builder.addStruct('s', 8, [
      { name: '', typeId: self, offset: 0 },
      { name: '', typeId: self, offset: 0 },
    ]);
  };
  const wanted: Build = (builder) => {
    const int = builder.addInt('int', 4);
    builder.addStruct('s', 8, [{ name: 'zzz', typeId: int, offset: 0 }]);
  };
  const start = performance.now();
  assert.throws(() => ask(types(nest), types(nest), '0', CoreKind.typeMatches, 1), FormatError);
  assert.throws(() => ask(types(wanted), types(anonymous), '0:0', CoreKind.fieldExists, 1), FormatError);
  assert(performance.now() - start < 10_000);
});

test('relocations that fit no instruction are refused', () => {
  const [local, target] = [types(localSock), types(targetSock)];
  const apply = (bytes: Uint8Array, ...fields: [number, string, number, number?]) =>
    relocate(bytes, [relocation(...fields)], local, [target]);
  const { fieldByteOffset, fieldExists, typeExists } = CoreKind;
  assert.throws(() => apply(movImmediate(0), 2, '0:0', fieldByteOffset, 4), FormatError);
  assert.throws(() => apply(movImmediate(0), 2, '0:0', fieldByteOffset, 8), FormatError);
  assert.throws(() => apply(movImmediate(3), 2, '0:0', fieldByteOffset), /holds 3/);
  assert.throws(() => apply(assemble(insn.mov(1, 0)), 2, '0:0', fieldByteOffset), /no immediate/);
  assert.throws(() => apply(assemble(insn.exit()), 2, '0:0', fieldByteOffset), /opcode 0x95/);
  assert.throws(
    () => apply(wide(1n).subarray(0, instructionSize), 2, '0:0', fieldExists),
    /not a plain 64-bit load/,
  );
  for (const access of ['', ':0', '0:', '0::1', 'x', '-1', '0:9', '0:0:0', '0:1'.padEnd(300, ':0')]) {
    assert.throws(() => apply(movImmediate(1), 2, access, fieldExists), FormatError, access);
  }
  assert.throws(() => apply(movImmediate(1), 2, '0:0', typeExists), FormatError);
  assert.throws(() => apply(movImmediate(1), 99, '0', typeExists), FormatError);
  assert.throws(() => apply(movImmediate(1), 2, '0:0', 13), FormatError);
});
