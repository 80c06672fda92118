import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Kind, Linkage } from '../src/btf/types.js';
import { EbpfError, FormatError, OptionError } from '../src/errors.js';
import { type CollectionSpec, type ProgramSpec, parseObject, setGlobal } from '../src/index.js';
import { Instructions } from '../src/insn/insn.js';
import { dataMapKernelName } from '../src/object/data-maps.js';
import { AttachType } from '../src/uapi/attach-types.js';
import { ProgramFlag } from '../src/uapi/flags.js';
import { MapType } from '../src/uapi/map-types.js';
import { ProgramType } from '../src/uapi/program-types.js';
import { compileBpf } from './support/compile-bpf.js';
import { testObject } from './support/objects.js';

function fromSource(source: string, ...options: string[]): CollectionSpec {
  using object = compileBpf(source, ...options);
  return parseObject(object.bytes);
}

function program(spec: CollectionSpec, name: string): ProgramSpec {
  const found = spec.programs.get(name);
  assert.ok(found !== undefined, `program ${name} exists`);
  return found;
}

const names = (spec: ProgramSpec) => spec.functions.map((fn) => fn.name);

/** Every bpf-to-bpf call's target, as function names; fails for one that leads into the middle of a function. */
function callTargets(spec: ProgramSpec): string[] {
  const code = new Instructions(spec.instructions, true);
  const starts = new Map(spec.functions.map((fn) => [fn.index, fn.name]));
  const targets: string[] = [];
  for (let i = 0; i < code.length; i++) {
    if (code.isLoadImm64(i)) {
      i++;
    } else if (code.isSubprogramCall(i)) {
      const name = starts.get(i + 1 + code.immediate(i));
      assert.ok(name !== undefined, `the call at ${i} leads to a function's start`);
      targets.push(name);
    }
  }
  return targets;
}

describe('parseObject', () => {
  let spec: CollectionSpec;
  let declarations: CollectionSpec;
  before(() => {
    spec = parseObject(testObject('object/everything'));
    declarations = fromSource('object/declarations.c');
  });

  it('reads license and version', () => {
    assert.equal(spec.license, 'Dual MIT/GPL');
    assert.equal(spec.kernelVersion, undefined);
    assert.equal(declarations.kernelVersion, 0x41200);
    assert.equal(program(declarations, 'caller').license, 'GPL');
  });

  it('links only the programs that are asked for, each as it is among all', () => {
    const [last] = [...spec.programs.keys()].slice(-1);
    const some = parseObject(testObject('object/everything'), { programs: [last!] });
    assert.deepEqual([...some.programs], [[last, program(spec, last!)]]);
    assert.deepEqual([...some.maps.keys()], [...spec.maps.keys()]);
    assert.throws(
      () => parseObject(testObject('object/everything'), { programs: ['absent'] }),
      (error) =>
        error instanceof EbpfError && error.message.startsWith('the object has no program absent; it has '),
    );
  });

  it('links each program with the subprograms it reaches, in the order of first calls', () => {
    assert.deepEqual([...spec.programs.keys()], ['tail', 'entry', 'uses_outer']);
    const entry = program(spec, 'entry');
    assert.deepEqual(names(entry), ['entry', 'leaf', 'global_function', 'middle', 'hidden_function']);
    assert.deepEqual(callTargets(entry).slice(0, 3), ['leaf', 'global_function', 'hidden_function']);
    assert.deepEqual(names(program(spec, 'tail')), ['tail', 'middle', 'leaf', 'hidden_function']);
    assert.deepEqual(names(program(spec, 'uses_outer')), ['uses_outer']);
    const end = entry.functions.at(-1)!;
    assert.equal(entry.instructions.length, (end.index + end.instructionCount) * 8);
  });

  it('links static functions that lie beside their callers', () => {
    const caller = program(declarations, 'caller');
    assert.deepEqual(names(caller), ['caller', 'beside']);
    assert.deepEqual(callTargets(caller), ['beside']);
    assert.ok(!declarations.programs.has('beside'));
  });

  it('re-bases what BTF.ext says', () => {
    const entry = program(spec, 'entry');
    assert.deepEqual(
      entry.funcInfo.map(({ offset }) => offset / 8),
      entry.functions.map(({ index }) => index),
    );
    const btf = spec.btf!;
    assert.deepEqual(
      entry.funcInfo.map(({ typeId }) => btf.type(typeId).name),
      names(entry),
    );
    const lines = entry.lineInfo.map(({ offset }) => offset);
    assert.deepEqual(
      lines,
      [...lines].sort((a, b) => a - b),
    );
    for (const fn of entry.functions)
      assert.ok(lines.includes(fn.index * 8), `${fn.name} begins with a line`);
    const texts = entry.lineInfo.map(({ lineOffset }) => btf.string(lineOffset));
    assert.ok(texts.some((text) => text.includes('return x * limit + hidden_state')));
  });

  it('turns addresses of functions into relative references', () => {
    const callbacks = parseObject(testObject('object/callback'));
    const caller = program(callbacks, 'caller');
    assert.deepEqual(names(caller), ['caller', 'each_other', 'helper', 'each']);
    const code = new Instructions(caller.instructions, true);
    for (const { index, function: name } of caller.functionReferences) {
      assert.equal(code.source(index), 4, 'BPF_PSEUDO_FUNC');
      const target = caller.functions.find((fn) => fn.index === index + 1 + code.immediate(index));
      assert.equal(target?.name, name);
    }
    assert.deepEqual(
      caller.functionReferences.map((reference) => reference.function),
      ['each_other', 'each'],
    );
  });

  it('reads maps with all their attributes', () => {
    const table = spec.maps.get('table')!;
    const { keyTypeId, valueTypeId, ...rest } = table;
    assert.deepEqual(rest, {
      name: 'table',
      type: MapType.hash,
      keySize: 8,
      valueSize: 24,
      maxEntries: 1024,
      flags: 1,
    });
    assert.equal(spec.btf!.type(keyTypeId!).name, 'key');
    assert.equal(spec.btf!.type(valueTypeId!).name, 'value');
    assert.deepEqual(spec.maps.get('events'), {
      name: 'events',
      type: MapType.perfEventArray,
      keySize: 4,
      valueSize: 4,
      maxEntries: 0,
      flags: 0,
    });
    assert.deepEqual(declarations.maps.get('pinned'), {
      name: 'pinned',
      type: MapType.lruHash,
      keySize: 4,
      valueSize: 40,
      maxEntries: 64,
      flags: 6,
      pinning: 'by-name',
      numaNode: 1,
    });
    assert.equal(declarations.maps.get('filter')?.mapExtra, 3n);
  });

  it('reads maps of maps and program arrays with their initial slots', () => {
    const outer = spec.maps.get('outer')!;
    assert.equal(outer.innerMap?.name, 'outer.inner');
    assert.equal(outer.innerMap?.valueSize, 8);
    assert.equal(outer.valueSize, 4);
    assert.deepEqual(
      outer.initialSlots,
      new Map([
        [0, 'first'],
        [3, 'second'],
      ]),
    );
    assert.deepEqual(spec.maps.get('jumps')?.initialSlots, new Map([[2, 'tail']]));
  });

  it('says which instructions load maps', () => {
    const entry = program(spec, 'entry');
    const code = new Instructions(entry.instructions, true);
    const used = new Set(entry.mapReferences.map(({ map }) => map));
    for (const map of ['table', 'first', 'jumps', '.rodata', '.data', '.data.apart', '.bss', '.kconfig']) {
      assert.ok(used.has(map), `${map} is used`);
    }
    for (const { index } of entry.mapReferences) assert.ok(code.isLoadImm64(index));
    const limit = spec.globals.get('hidden_state')!;
    assert.ok(entry.mapReferences.some(({ map, offset }) => map === limit.map && offset === limit.offset));
  });

  it('makes maps of the data sections', () => {
    const rodata = spec.maps.get('.rodata')!;
    assert.equal(rodata.type, MapType.array);
    assert.equal(rodata.flags, 0x80, 'BPF_F_RDONLY_PROG');
    assert.equal(rodata.readOnly, true);
    assert.equal(rodata.contents?.length, rodata.valueSize);
    assert.equal(spec.btf!.type(rodata.valueTypeId!).name, '.rodata');
    assert.deepEqual(
      spec.maps.get('.rodata.fixed')?.contents,
      new Uint8Array([1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]),
    );
    assert.equal(spec.maps.get('.data')?.readOnly, false);
    assert.deepEqual(declarations.maps.get('.bss.more')?.contents, new Uint8Array(32));
  });

  it('lists global and static variables with their places and types', () => {
    const btf = spec.btf!;
    const described = Object.fromEntries(
      [...spec.globals].map(([name, { map, size, typeId }]) => [
        name,
        [map, size, btf.resolve(typeId!).kind],
      ]),
    );
    assert.deepEqual(described, {
      limit: ['.rodata', 4, Kind.int],
      enabled: ['.rodata', 1, Kind.int],
      signed_setting: ['.rodata', 2, Kind.int],
      label: ['.rodata', 8, Kind.array],
      ratio: ['.rodata', 8, Kind.float],
      counter: ['.bss', 8, Kind.int],
      start: ['.data', 8, Kind.int],
      hidden_state: ['.data', 4, Kind.int],
      apart: ['.data.apart', 4, Kind.int],
      fixed: ['.rodata.fixed', 12, Kind.array],
      zeros: ['.bss', 32, Kind.array],
    });
  });

  it('fills in what the compiler leaves open in BTF', () => {
    const btf = spec.btf!;
    for (const section of ['.rodata', '.data', '.bss', '.maps', 'license', '.kconfig']) {
      const type = btf.type(btf.find(section, Kind.datasec)!);
      assert.ok(type.kind === Kind.datasec);
      assert.ok(type.size > 0, `${section} has a size`);
      let end = 0;
      for (const { offset, size, typeId } of type.variables) {
        const { name } = btf.type(typeId);
        assert.ok(offset >= end, `${name} comes after the variable before it`);
        end = offset + size;
        assert.equal(spec.globals.get(name)?.offset ?? offset, offset, name);
      }
      assert.ok(end <= type.size, `${section} holds its variables`);
    }
    const linkage = (name: string) => {
      const type = btf.type(btf.find(name, Kind.func)!);
      return type.kind === Kind.func ? type.linkage : undefined;
    };
    assert.equal(linkage('global_function'), Linkage.global);
    assert.equal(
      linkage('hidden_function'),
      Linkage.static,
      'hidden functions are checked with their callers',
    );
    assert.equal(linkage('leaf'), Linkage.static);
  });

  it('lays out kernel options as libbpf does: alignment, then size, then name', () => {
    assert.deepEqual(
      [...spec.kconfig.values()],
      [
        { name: 'LINUX_KERNEL_VERSION', weak: false, kind: 'int', size: 4, signed: true, offset: 0 },
        { name: 'CONFIG_BPF_SYSCALL', weak: true, kind: 'bool', size: 1, signed: false, offset: 4 },
        { name: 'CONFIG_DEFAULT_HOSTNAME', weak: true, kind: 'string', size: 16, signed: false, offset: 5 },
      ],
    );
    assert.equal(spec.maps.get('.kconfig')?.valueSize, 21);
  });

  it('lists kernel symbols and where they are used', () => {
    const ksyms = parseObject(testObject('object/ksyms'));
    const shape = [...ksyms.kernelSymbols.values()].map(({ name, kind, weak, typeId }) => [
      name,
      kind,
      weak,
      typeId !== undefined,
    ]);
    assert.deepEqual(shape.sort(), [
      ['bpf_prog_put', 'ksym', false, false],
      ['bpf_rcu_read_lock', 'kfunc', false, true],
      ['bpf_rcu_read_unlock', 'kfunc', false, true],
      ['no_such_function', 'kfunc', true, true],
      ['no_such_variable', 'ksym', true, true],
      ['runqueues', 'ksym', false, true],
    ]);
    const { instructions, externReferences, coreRelocations } = program(ksyms, 'kernel_symbols');
    const code = new Instructions(instructions, true);
    for (const { index, kind } of externReferences) {
      assert.ok(kind === 'kfunc' ? code.isCall(index) : code.isLoadImm64(index));
    }
    assert.equal(externReferences.filter(({ name }) => name === 'no_such_function').length, 2);
    assert.equal(coreRelocations.length, 1);
  });

  it('derives the type of a program from its section', () => {
    const sleeps = program(declarations, 'sleeps');
    assert.equal(sleeps.type, ProgramType.lsm);
    assert.equal(sleeps.expectedAttachType, AttachType.lsmMac);
    assert.equal(sleeps.attachTo, 'bprm_committed_creds');
    assert.equal(sleeps.flags, ProgramFlag.sleepable);
    const optional = program(declarations, 'optional');
    assert.equal(optional.autoload, false);
    assert.equal(optional.kind, 'kretprobe');
    assert.equal(optional.attachTo, 'tcp_v4_connect');
    assert.equal(optional.expectedAttachType, undefined);
    const unknown = program(declarations, 'unknown');
    assert.equal(unknown.type, 0);
    assert.equal(unknown.section, 'nobody/knows');
  });

  it('reads big-endian objects', () => {
    const big = fromSource('object/everything.bpf.c', '--target=bpfeb', '-mcpu=v2');
    assert.equal(big.littleEndian, false);
    assert.deepEqual([...big.maps.keys()].sort(), [...spec.maps.keys()].sort());
    assert.deepEqual(big.maps.get('outer')?.initialSlots, spec.maps.get('outer')?.initialSlots);
    assert.deepEqual(program(big, 'entry').mapReferences, program(spec, 'entry').mapReferences);
    assert.deepEqual(program(big, 'entry').functions, program(spec, 'entry').functions);
    setGlobal(big, 'limit', 0x01020304);
    const { map, offset } = big.globals.get('limit')!;
    assert.deepEqual(big.maps.get(map)?.contents?.slice(offset, offset + 4), new Uint8Array([1, 2, 3, 4]));
  });

  it('reads objects without debug information, as far as they go', () => {
    const bare = fromSource('object/nodebug.c', '-g0');
    assert.equal(bare.btf, undefined);
    assert.deepEqual([...bare.globals.keys()], ['setting']);
    assert.deepEqual(names(program(bare, 'main_program')), ['main_program', 'sub']);
    assert.throws(() => fromSource('object/everything.bpf.c', '-g0'), /no BTF for it: compile with -g/);
  });

  it('reads maps in the old form, and says what to do about those with more members', () => {
    for (const debug of ['-g0', '-g']) {
      const { maps } = fromSource('object/nodebug.c', debug, '-DLEGACY_MAPS');
      const legacy = { name: 'legacy', type: 2, keySize: 4, valueSize: 4, maxEntries: 1, flags: 0 };
      assert.deepEqual(maps.get('legacy'), legacy);
    }
    assert.throws(
      () => fromSource('object/nodebug.c', '-g0', '-DLEGACY_MAPS', '-DMORE_MEMBERS'),
      (error: unknown) => error instanceof FormatError && /SEC\("\.maps"\)/.test(error.message),
    );
  });

  it('names what is used but not defined', () => {
    assert.throws(
      () => fromSource('object/nodebug.c', '-DUNDEFINED'),
      /function main_program, instruction \d+ refers to nowhere, which is neither defined nor declared/,
    );
  });

  it('does not change the bytes it is given', () => {
    const bytes = new Uint8Array(testObject('object/everything'));
    const copy = bytes.slice();
    const parsed = parseObject(bytes);
    setGlobal(parsed, 'limit', 99);
    for (const { instructions } of parsed.programs.values()) instructions.fill(0);
    assert.deepEqual(bytes, copy);
    assert.equal(parseObject(Buffer.from(bytes)).maps.size, parsed.maps.size);
  });
});

describe('setGlobal', () => {
  const bytesOf = (spec: CollectionSpec, name: string) => {
    const { map, offset, size } = spec.globals.get(name)!;
    return Buffer.from(spec.maps.get(map)!.contents!.subarray(offset, offset + size));
  };
  let spec: CollectionSpec;
  before(() => {
    spec = parseObject(testObject('object/everything'));
  });

  it('takes numbers, bigints, booleans, floats and bytes', () => {
    setGlobal(spec, 'limit', 0xffffffff);
    assert.equal(bytesOf(spec, 'limit').readUInt32LE(), 0xffffffff);
    setGlobal(spec, 'limit', 12n);
    assert.equal(bytesOf(spec, 'limit').readUInt32LE(), 12);
    setGlobal(spec, 'signed_setting', -32768);
    assert.equal(bytesOf(spec, 'signed_setting').readInt16LE(), -32768);
    setGlobal(spec, 'enabled', true);
    assert.equal(bytesOf(spec, 'enabled')[0], 1);
    setGlobal(spec, 'start', 0xffff_ffff_ffff_ffffn);
    assert.equal(bytesOf(spec, 'start').readBigUInt64LE(), 0xffff_ffff_ffff_ffffn);
    setGlobal(spec, 'ratio', 1.25);
    assert.equal(bytesOf(spec, 'ratio').readDoubleLE(), 1.25);
    setGlobal(spec, 'label', Buffer.from('changed\0'));
    assert.equal(bytesOf(spec, 'label').toString(), 'changed\0');
    setGlobal(spec, 'fixed', new Uint32Array([4, 5, 6]));
    assert.equal(bytesOf(spec, 'fixed').readUInt32LE(8), 6);
  });

  it('refuses what does not fit', () => {
    assert.throws(() => setGlobal(spec, 'signed_setting', 65536), /has 2 bytes: 65536 does not fit/);
    assert.throws(() => setGlobal(spec, 'limit', 1.5), OptionError);
    assert.throws(() => setGlobal(spec, 'label', 1n << 80n), OptionError);
    assert.throws(() => setGlobal(spec, 'label', new Uint8Array(7)), /has 8 bytes, not 7/);
    assert.throws(() => setGlobal(spec, 'fixed', 1), /pass them all/);
    assert.throws(
      () => setGlobal(spec, 'absent', 1),
      (error: unknown) => error instanceof EbpfError && /no global variable absent/.test(error.message),
    );
  });
});

describe('dataMapKernelName', () => {
  it('is the name libbpf gives', () => {
    assert.equal(dataMapKernelName('my_object_name', '.rodata'), 'my_objec.rodata');
    assert.equal(dataMapKernelName('my_object_name', '.bss'), 'my_objec.bss');
    assert.equal(dataMapKernelName('my_object_name', '.kconfig'), 'my_obje.kconfig');
    assert.equal(dataMapKernelName('tracer', '.rodata'), 'tracer.rodata');
    assert.equal(dataMapKernelName('tracer', '.data.apart'), '.data.apart');
    assert.equal(dataMapKernelName('a-b', '.data'), 'a_b.data');
  });
});
