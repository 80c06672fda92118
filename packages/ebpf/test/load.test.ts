/** The steps of loading that need no kernel. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseKernelConfig } from '../src/features/config.js';
import { Btf, BtfBuilder, KernelSymbols, Kind } from '../src/index.js';
import { assemble, insn } from '../src/insn/assembler.js';
import { fillKconfig, type KconfigSource } from '../src/load/kconfig.js';
import { functionModules, type ResolvedSymbol } from '../src/load/ksyms.js';
import { prepareInstructions } from '../src/load/prepare.js';
import { type BtfSupport, sanitizeBtf } from '../src/load/sanitize.js';
import type { KconfigVariable, ProgramSpec } from '../src/object/spec.js';

const everything = {
  func: true,
  datasec: true,
  globalFunc: true,
  globalPointers: true,
  float: true,
  declTag: true,
  typeTag: true,
  enum64: true,
};
const nothing = {
  func: false,
  datasec: false,
  globalFunc: false,
  globalPointers: false,
  float: false,
  declTag: false,
  typeTag: false,
  enum64: false,
};

function sample(): Btf {
  const builder = new BtfBuilder();
  const int = builder.addInt('int', 4, { signed: true });
  const variable = builder.add({ kind: Kind.var, name: 'counter', typeId: int, linkage: 1 });
  builder.add({
    kind: Kind.datasec,
    name: '.data.hot',
    size: 8,
    variables: [{ typeId: variable, offset: 4, size: 4 }],
  });
  const parameters = [{ name: 'a', typeId: int }];
  const proto = builder.add({ kind: Kind.funcProto, name: '', returnTypeId: int, parameters });
  builder.add({ kind: Kind.func, name: 'main', typeId: proto, linkage: 1 });
  builder.add({ kind: Kind.float, name: 'double', size: 8 });
  builder.add({ kind: Kind.declTag, name: 'user', typeId: variable, componentIndex: -1 });
  builder.addPtr(builder.add({ kind: Kind.typeTag, name: 'rcu', typeId: int }));
  builder.addEnum64('wide', [{ name: 'BIG', value: 1n << 40n }]);
  return builder.build();
}

describe('BTF for older kernels', () => {
  it('leaves what the kernel knows as it is', () => {
    const blob = sample().encode();
    const same = Btf.parse(sanitizeBtf(blob, everything));
    for (let id = 1; id < same.length; id++) assert.deepEqual(same.type(id), sample().type(id));
  });

  it('replaces what it does not know, and keeps every id', () => {
    const before = sample();
    const after = Btf.parse(sanitizeBtf(before.encode(), nothing));
    const kinds = Array.from({ length: before.length - 1 }, (_, i) => after.type(i + 1).kind);
    assert.deepEqual(kinds, [
      Kind.int,
      Kind.int,
      Kind.struct,
      Kind.enum,
      Kind.typedef,
      Kind.struct,
      Kind.int,
      Kind.const,
      Kind.ptr,
      Kind.union,
    ]);
    assert.equal(after.length, before.length + 1, 'a 64-bit integer for the members of the former enum');
    assert.equal(after.type(2).name, 'counter');
    assert.equal(after.size(2), 1);
    const section = after.type(3);
    assert.ok(section.kind === Kind.struct);
    assert.equal(section.name, '_data_hot');
    assert.deepEqual(section.members, [{ name: 'counter', typeId: 2, bitOffset: 32, bitSize: 0 }]);
    assert.equal(after.size(6), 8);
    const wide = after.type(10);
    assert.ok(wide.kind === Kind.union);
    assert.deepEqual(
      wide.members.map(({ name, typeId }) => [name, after.size(typeId)]),
      [['BIG', 8]],
    );
  });

  it('makes global functions static where the kernel takes no pointers in them but those to packets', () => {
    const builder = new BtfBuilder();
    const int = builder.addInt('int', 4);
    const alias = builder.addTypedef(
      'alias',
      builder.add({ kind: Kind.const, name: '', typeId: builder.addPtr(int) }),
    );
    const define = (name: string, parameter: number) =>
      builder.add({
        kind: Kind.func,
        name,
        typeId: builder.add({
          kind: Kind.funcProto,
          name: '',
          returnTypeId: int,
          parameters: [int, parameter].map((typeId) => ({ name: 'p', typeId })),
        }),
        linkage: 1,
      });
    const context = builder.addPtr(
      builder.add({ kind: Kind.const, name: '', typeId: builder.addStruct('__sk_buff', 4, []) }),
    );
    const functions = [define('number', int), define('pointer', alias), define('context', context)];
    const blob = builder.build().encode();
    const linkages = (support: BtfSupport) => {
      const after = Btf.parse(sanitizeBtf(blob, support));
      return functions.map((id) => {
        const type = after.type(id);
        assert.ok(type.kind === Kind.func);
        return type.linkage;
      });
    };
    assert.deepEqual(linkages(everything), [1, 1, 1]);
    assert.deepEqual(linkages({ ...everything, globalPointers: false }), [1, 0, 1]);
    assert.deepEqual(linkages({ ...everything, globalFunc: false }), [0, 0, 0]);
  });

  it('forgets externs, which no kernel takes', () => {
    const builder = new BtfBuilder();
    const int = builder.addInt('int', 4);
    const symbol = builder.add({ kind: Kind.var, name: 'jiffies', typeId: 0, linkage: 2 });
    const proto = builder.add({
      kind: Kind.funcProto,
      name: '',
      returnTypeId: 0,
      parameters: [{ name: '', typeId: int }],
    });
    const call = builder.add({ kind: Kind.func, name: 'kfunc', typeId: proto, linkage: 2 });
    const variables = [symbol, call].map((typeId) => ({ typeId, offset: 0, size: 0 }));
    const section = builder.add({ kind: Kind.datasec, name: '.ksyms', size: 0, variables });
    const option = builder.add({ kind: Kind.var, name: 'CONFIG_X', typeId: int, linkage: 2 });
    const after = Btf.parse(sanitizeBtf(builder.build().encode(), everything));
    assert.equal(after.type(symbol).kind, Kind.int);
    assert.equal(after.type(call).kind, Kind.typedef);
    assert.equal(after.type(section).kind, Kind.struct);
    assert.equal(after.size(section), 16);
    const variable = after.type(option);
    assert.ok(variable.kind === Kind.var);
    assert.equal(variable.linkage, 1);
  });
});

function program(instructions: Uint8Array, more: Partial<ProgramSpec> = {}): ProgramSpec {
  return {
    name: 'p',
    section: 'socket',
    type: 1,
    flags: 0,
    autoload: true,
    license: 'GPL',
    instructions,
    functions: [],
    mapReferences: [],
    externReferences: [],
    functionReferences: [],
    coreRelocations: [],
    funcInfo: [],
    lineInfo: [],
    ...more,
  };
}

const context = {
  mapFd: (name: string) => ({ first: 5, second: 6 })[name] ?? -1,
  symbols: new Map(),
  probeReadKernel: true,
};

describe('prepareInstructions', () => {
  it('patches descriptors in and leaves the spec alone', () => {
    const original = assemble(insn.loadImmediate64(1, 0n), insn.loadImmediate64(2, 0n), insn.exit());
    const before = Uint8Array.from(original);
    const { instructions } = prepareInstructions(
      program(original, {
        mapReferences: [
          { index: 0, map: 'first', kind: 'fd', offset: 0 },
          { index: 2, map: 'second', kind: 'value', offset: 24 },
        ],
      }),
      context,
    );
    const expected = assemble(insn.loadMapFd(1, 5), insn.loadMapValue(2, 6, 24), insn.exit());
    assert.deepEqual(instructions, expected);
    assert.deepEqual(original, before);
  });

  it('puts the old helpers in the place of those that came in 5.5', () => {
    const code = [112, 113, 114, 115, 5].map((helper) => insn.call(helper));
    // A constant that looks like a call in its second half stays.
    const constant = insn.loadImmediate64(1, (113n << 32n) | 0x85n);
    const { instructions } = prepareInstructions(program(assemble(...code, constant, insn.exit())), {
      ...context,
      probeReadKernel: false,
    });
    const old = [4, 4, 45, 45, 5].map((helper) => insn.call(helper));
    assert.deepEqual(instructions, assemble(...old, constant, insn.exit()));
  });

  it('resolves kernel symbols by type, by address, and weak ones to nothing', () => {
    const code = assemble(
      insn.loadImmediate64(1, 0n),
      insn.loadImmediate64(2, 0n),
      insn.call(-1),
      insn.call(-1),
      insn.exit(),
    );
    const { instructions } = prepareInstructions(
      program(code, {
        externReferences: [
          { index: 0, name: 'typed', kind: 'ksym' },
          { index: 2, name: 'address', kind: 'ksym' },
          { index: 4, name: 'typed', kind: 'kfunc' },
          { index: 5, name: 'absent', kind: 'kfunc' },
        ],
      }),
      {
        ...context,
        symbols: new Map([
          ['typed', { kind: 'typed', of: 'function', btfId: 77, btfFd: 0 }],
          ['address', { kind: 'address', address: 0xffff_ffff_8123_4567n }],
          ['absent', { kind: 'missing' }],
        ]),
      },
    );
    const view = new DataView(instructions.buffer);
    assert.deepEqual([view.getUint8(1) >> 4, view.getInt32(4, true)], [3, 77]);
    assert.equal(view.getUint32(20, true), 0x8123_4567);
    assert.equal(view.getUint32(28, true), 0xffff_ffff);
    assert.deepEqual([view.getUint8(33) >> 4, view.getInt32(36, true)], [2, 77]);
    assert.equal(view.getUint8(41) >> 4, 0);
  });

  it('refers to variables of modules by descriptor, to their functions by its place in the array', () => {
    const code = assemble(insn.loadImmediate64(1, 0n), insn.call(-1), insn.call(-1), insn.exit());
    const symbols = new Map<string, ResolvedSymbol>([
      ['variable', { kind: 'typed', of: 'variable', btfId: 70, btfFd: 21 }],
      ['function', { kind: 'typed', of: 'function', btfId: 71, btfFd: 22 }],
      ['builtin', { kind: 'typed', of: 'function', btfId: 72, btfFd: 0 }],
    ]);
    const externReferences = [
      { index: 0, name: 'variable', kind: 'ksym' },
      { index: 2, name: 'function', kind: 'kfunc' },
      { index: 3, name: 'builtin', kind: 'kfunc' },
    ] as const;
    const fdArray = functionModules(symbols.values());
    assert.deepEqual(fdArray, [0, 22]);
    const { instructions } = prepareInstructions(program(code, { externReferences }), {
      ...context,
      symbols,
      fdArray,
    });
    const view = new DataView(instructions.buffer);
    assert.deepEqual([view.getUint8(1) >> 4, view.getInt32(4, true), view.getInt32(12, true)], [3, 70, 21]);
    assert.deepEqual([view.getUint8(17) >> 4, view.getInt16(18, true), view.getInt32(20, true)], [2, 1, 71]);
    assert.deepEqual([view.getUint8(25) >> 4, view.getInt16(26, true), view.getInt32(28, true)], [2, 0, 72]);
  });

  it('refuses references that do not fit the code', () => {
    for (const index of [0, 1, 1000]) {
      const broken = program(assemble(insn.exit()), {
        mapReferences: [{ index, map: 'first', kind: 'fd', offset: 0 }],
      });
      assert.throws(() => prepareInstructions(broken, context), /reference at instruction/);
    }
  });
});

describe('kernel configuration', () => {
  const config = parseKernelConfig(
    '# CONFIG_OFF is not set\nCONFIG_YES=y\nCONFIG_MODULE=m\nCONFIG_HZ=250\nCONFIG_BIG=0x100\nCONFIG_NAME="(none)"\n',
  );
  const source: KconfigSource = {
    config: () => config,
    version: () => 0x050a00,
    hasCookie: () => true,
    hasSyscallWrapper: () => false,
  };
  const fill = (variable: Partial<KconfigVariable> & { name: string }): number[] => {
    const contents = new Uint8Array(variable.size ?? 4);
    const whole = { offset: 0, size: 4, kind: 'int', signed: false, weak: false, ...variable } as const;
    fillKconfig(contents, [whole], source);
    return [...contents];
  };

  it('writes values in the form of their variables', () => {
    assert.deepEqual(fill({ name: 'LINUX_KERNEL_VERSION' }), [0, 10, 5, 0]);
    assert.deepEqual(fill({ name: 'LINUX_HAS_BPF_COOKIE', kind: 'bool', size: 1 }), [1]);
    assert.deepEqual(fill({ name: 'CONFIG_YES', kind: 'bool', size: 1 }), [1]);
    assert.deepEqual(fill({ name: 'CONFIG_MODULE', kind: 'tristate' }), [2, 0, 0, 0]);
    assert.deepEqual(fill({ name: 'CONFIG_MODULE', kind: 'char', size: 1 }), [...Buffer.from('m')]);
    assert.deepEqual(fill({ name: 'CONFIG_HZ' }), [250, 0, 0, 0]);
    assert.deepEqual(fill({ name: 'CONFIG_BIG', size: 2 }), [0, 1]);
    assert.deepEqual(fill({ name: 'CONFIG_NAME', kind: 'string', size: 8 }), [...Buffer.from('(none)\0\0')]);
    assert.deepEqual(fill({ name: 'CONFIG_OFF', weak: true }), [0, 0, 0, 0]);
  });

  it('refuses what is missing or does not fit', () => {
    assert.throws(() => fill({ name: 'CONFIG_OFF' }), /CONFIG_OFF.*__weak/);
    assert.throws(() => fill({ name: 'LINUX_NO_SUCH' }), /no such value/);
    assert.throws(() => fill({ name: 'CONFIG_MODULE', kind: 'bool', size: 1 }), /tristate/);
    assert.throws(() => fill({ name: 'CONFIG_BIG', size: 1 }), /does not fit 1 bytes/);
    assert.throws(() => fill({ name: 'CONFIG_NAME' }), /no number/);
  });
});

describe('kernel symbols', () => {
  const symbols = new KernelSymbols(
    [
      'ffffffff81000000 T tcp_connect',
      'ffffffff81000010 t tcp_connect_init.isra.0',
      'ffffffff81000020 t tcp_close.part.0',
      'ffffffff81000030 T __x64_sys_close',
      'ffffffff81000040 D tcp_death_row',
      'ffffffffc0000000 t veth_open\t[veth]',
      '',
    ].join('\n'),
  );

  it('finds exact names only', () => {
    assert.equal(symbols.get('tcp_connect')?.address, 0xffff_ffff_8100_0000n);
    assert.equal(symbols.get('tcp_con'), undefined);
    assert.equal(symbols.get('connect'), undefined);
    assert.equal(symbols.get('veth_open')?.module, 'veth');
    assert.ok(symbols.hasFunction('tcp_connect'));
    assert.ok(!symbols.hasFunction('tcp_death_row'), 'data is no function');
  });

  it('finds the function that an address is in', () => {
    const { name, offset } = symbols.functionAround(0xffff_ffff_8100_0015n)!;
    assert.deepEqual([name, offset], ['tcp_connect_init.isra.0', 5]);
    assert.equal(symbols.functionAround(0xffff_ffff_8100_0030n)?.name, '__x64_sys_close');
    assert.equal(symbols.functionAround(0xffff_ffff_c000_0004n)?.module, 'veth');
    assert.equal(symbols.functionAround(0xffff_ffff_80ff_ffffn), undefined);
    const hidden = new KernelSymbols('0000000000000000 T tcp_connect\n');
    assert.equal(hidden.functionAround(0xffff_ffff_8100_0015n), undefined);
  });

  it('names what the compiler made of a function', () => {
    assert.deepEqual(symbols.closeTo('tcp_close'), ['tcp_close.part.0']);
    assert.deepEqual(symbols.closeTo('tcp_connect_init'), ['tcp_connect_init.isra.0']);
    assert.deepEqual(symbols.closeTo('sys_close'), ['__x64_sys_close']);
    assert.deepEqual(symbols.closeTo('no_such_thing'), []);
  });
});
