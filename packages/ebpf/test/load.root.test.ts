/** Loading objects into the running kernel, and into imitations of older ones. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { OptionError, SyscallError, UnsupportedError, VerifierError } from '../src/errors.js';
import { kernelConfig } from '../src/features/config.js';
import {
  type ArrayMap,
  attachKprobe,
  attachRawTracepoint,
  attachTracing,
  attachXdp,
  BloomFilterMap,
  BtfBuilder,
  Collection,
  type FeatureName,
  features,
  indexKey,
  Kind,
  kernelBtf,
  kernelSymbols,
  kernelVersion,
  ProgramType,
} from '../src/index.js';
import { assemble, insn } from '../src/insn/assembler.js';
import { loadProgram } from '../src/load/load-program.js';
import { ModuleTypes } from '../src/load/module-types.js';
import { parseObject } from '../src/object/parse-object.js';
import { setGlobal } from '../src/object/set-global.js';
import type { CollectionSpec } from '../src/object/spec.js';
import { hasFeatures } from './support/kernel.js';
import { testObject } from './support/objects.js';
import { requireKernel } from './support/require.js';
import { assertMapsGone, assertRoot, openDescriptors, pinFolder } from './support/root.js';
import { waitFor } from './support/wait-for.js';

assertRoot();

const packet = new Uint8Array(64);

function testSpec(name: string): CollectionSpec {
  return parseObject(testObject(name));
}

function u64(bytes: Uint8Array | undefined): bigint {
  assert.ok(bytes !== undefined);
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
}

describe('globals', () => {
  it('are set before loading and read afterwards', (t) => {
    if (!hasFeatures(t, 'global_data')) return;
    const spec = testSpec('load/data');
    setGlobal(spec, 'factor', 5);
    setGlobal(spec, 'doubled', true);
    using collection = Collection.load(spec);
    const { globals } = collection;
    assert.equal(globals.readInteger('total'), 100n);
    const { returnValue } = collection.program('count').testRun({ data: packet });
    assert.equal(returnValue, 10);
    assert.equal(
      globals.readInteger('total'),
      100n + 64n * 10n - 14n * 10n,
      'a filter sees no Ethernet header',
    );
    assert.equal(globals.readInteger('runs'), 1n);
    globals.write('runs', 41);
    collection.program('count').testRun({ data: packet });
    assert.equal(globals.readInteger('runs'), 42n);
    assert.throws(() => globals.write('factor', 1), /constant/);
    assert.throws(() => globals.write('runs', -1n << 40n), /does not fit/);
    assert.throws(() => globals.read('nothing'), /no global variable/);
  });

  it('hold build options and the version', () => {
    using collection = Collection.load(testSpec('load/data'));
    collection.program('count').testRun({ data: packet });
    const { globals } = collection;
    assert.equal(globals.readInteger('kernel_version'), BigInt(kernelVersion().code));
    // Without a file of build options, weak ones count as not set.
    const option = kernelConfig()?.get('CONFIG_BPF_SYSCALL');
    assert.equal(globals.readInteger('bpf_syscall'), option === 'y' ? 1n : 0n);
    assert.equal(globals.readInteger('no_such_option'), 0n);
  });

  it('may take more than 64 MiB', (t) => {
    let loaded: Collection;
    try {
      loaded = Collection.load(testSpec('load/large'));
    } catch (error) {
      // Older kernels have values of at most 4 MiB; which one was the first with more, no document says.
      assert.ok(error instanceof SyscallError && error.code === 'E2BIG', String(error));
      assert.equal(requireKernel(t, 'large values of arrays', '6.18'), false);
      return;
    }
    using collection = loaded;
    collection.program('write_last').testRun({ data: packet });
    assert.equal(collection.map('.bss').valueSize, 72 * 2 ** 20);
    const memory = (collection.map('.bss') as ArrayMap).memory(false);
    assert.equal(u64(memory.subarray(-8)), 7n);
  });

  it('work without mapped memory (before 5.5)', () => {
    using collection = Collection.load(testSpec('load/data'), { features: features.without('array_mmap') });
    collection.globals.write('runs', 8);
    collection.program('count').testRun({ data: packet });
    assert.equal(collection.globals.readInteger('runs'), 9n);
  });
});

describe('maps in the old form', () => {
  it('are created and used', () => {
    using collection = Collection.load(testSpec('load/legacy'));
    collection.program('count').testRun({ data: packet });
    assert.equal(u64(collection.map('counts').lookup(indexKey(1))), 5n);
    assert.deepEqual(collection.map('table').lookup(indexKey(1)), indexKey(9));
    assert.equal(collection.map('table').info().flags, 1);
  });
});

describe('reasons', () => {
  const load = (...programs: string[]) => Collection.load(testSpec('load/reasons'), { programs });

  it('are none where records of rings have types', (t) => {
    if (!hasFeatures(t, 'ringbuf')) return;
    using collection = load('send');
    const sizes = ['samples', 'records'].map((name) => {
      const { keySize, valueSize } = collection.map(name).info();
      return [keySize, valueSize];
    });
    assert.deepEqual(sizes, [
      [4, 4],
      [0, 0],
    ]);
  });

  it('name fields and functions that the kernel lacks', (t) => {
    if (!hasFeatures(t, 'kernel_btf')) return;
    const refused = (program: string, what: RegExp) =>
      assert.throws(
        () => load(program),
        (error: Error) =>
          error instanceof VerifierError && what.test(error.message) && !/unknown#/.test(error.message),
      );
    refused(
      'lacks_field',
      /rejected: it needs struct task_struct\.weir_no_such_field, which this kernel lacks/,
    );
    if (!requireKernel(t, 'calls of kernel functions', '5.13')) return;
    refused(
      'lacks_function',
      /rejected: it needs kernel function weir_no_such_function, which this kernel lacks/,
    );
  });

  it('name options about what the object does not have', () => {
    const spec = testSpec('load/maps');
    assert.throws(
      () => Collection.load(spec, { maxEntries: { sean: 1 } }),
      /maxEntries: .* no map sean; did you mean seen/,
    );
    using other = Collection.load(spec, { programs: ['tail'] });
    const replaceMaps = { zzzzzzzz: other.map('seen') };
    assert.throws(() => Collection.load(spec, { replaceMaps }), OptionError);
  });

  it('name a ring buffer without a size', (t) => {
    if (!hasFeatures(t, 'ringbuf')) return;
    const spec = testSpec('load/reasons');
    spec.maps.get('records')!.maxEntries = 0;
    assert.throws(() => Collection.load(spec), /map records: a ring buffer without a size/);
  });

  it('name the type of a program that is attached in another way', () => {
    using collection = Collection.load(testSpec('load/maps'), { programs: ['tail'] });
    const program = collection.program('tail');
    for (const attach of [
      () => attachXdp(program, 'lo'),
      () => attachKprobe(program, 'do_exit'),
      () => attachRawTracepoint(program, 'sys_enter'),
      () => attachTracing(program),
    ])
      assert.throws(
        attach,
        (error) => error instanceof OptionError && /program tail is a BPF_PROG_TYPE_/.test(error.message),
      );
  });
});

describe('flavours of kernel functions', () => {
  it('are called where their parameters are the kernel’s', (t) => {
    if (!requireKernel(t, 'bpf_rcu_read_lock() for programs', '6.2')) return;
    using collection = Collection.load(testSpec('load/flavours'));
    {
      using _link = collection.program('call').attach();
      readFileSync('/proc/self/comm');
    }
    const { globals } = collection;
    assert.ok(globals.readInteger('flavoured') > 0n);
    assert.equal(globals.readInteger('other'), 0n);
  });

  it('have to exist where they are not weak', (t) => {
    if (!requireKernel(t, 'bpf_rcu_read_lock() for programs', '6.2')) return;
    const strong = (name: string) => {
      const spec = testSpec('load/flavours');
      spec.kernelSymbols.set(name, { ...spec.kernelSymbols.get(name)!, weak: false });
      return () => Collection.load(spec)[Symbol.dispose]();
    };
    strong('bpf_rcu_read_lock___now')();
    assert.throws(strong('bpf_rcu_read_lock___once'), /extern bpf_rcu_read_lock___once: .* has another type/);
  });
});

describe('shapes of maps', () => {
  it('have the types of inner maps, which locks need', (t) => {
    if (!requireKernel(t, 'spin locks in inner maps', '6.3')) return;
    using collection = Collection.load(testSpec('load/shapes'), { programs: ['count'] });
    assert.equal(collection.program('count').testRun({ data: packet }).returnValue, 3);
    const value = collection.map('first').lookup(indexKey(0))!;
    assert.equal(new DataView(value.buffer).getUint32(4, true), 1);
  });

  it('have timers in inner maps', async (t) => {
    if (!requireKernel(t, 'timers in maps', '5.15')) return;
    using collection = Collection.load(testSpec('load/inner'), { programs: ['start_timer'] });
    assert.equal(collection.program('start_timer').testRun({ data: packet }).returnValue, 0);
    await waitFor(() => collection.globals.readInteger('fired') === 1n);
  });

  it('have references to kernel objects in inner maps', (t) => {
    if (!requireKernel(t, 'bpf_task_acquire() for programs', '6.2')) return;
    using collection = Collection.load(testSpec('load/inner'), { programs: ['keep_task'] });
    const keep = () => collection.program('keep_task').testRun({ data: packet }).returnValue;
    assert.deepEqual([keep(), keep()], [0, 4], 'none before, then one that is let go');
  });

  it('without keys answer whether they have a value', (t) => {
    if (!requireKernel(t, 'BPF_MAP_TYPE_BLOOM_FILTER', '5.16')) return;
    using collection = Collection.load(testSpec('load/shapes'), { programs: ['ask'] });
    const filter = collection.map('filter');
    assert.ok(filter instanceof BloomFilterMap);
    const ask = () => collection.program('ask').testRun({ data: packet }).returnValue;
    assert.equal(filter.has(indexKey(7)), false);
    assert.equal(ask(), 2);
    filter.add(indexKey(7));
    assert.equal(filter.has(indexKey(7)), true);
    assert.equal(ask(), 1);
    assert.throws(() => filter.has(new Uint8Array(3)), /a value of 3 bytes, where its size is 4/);
    assert.throws(() => filter.lookup(), /has no keys: ask has\(value\)/);
    assert.equal(filter.info().mapExtra, 3n);
  });

  it('are compared with those of pinned maps, as the kernel rounds them', (t) => {
    if (!hasFeatures(t, 'ringbuf')) return;
    const pinPath = pinFolder('shapes');
    const spec = testSpec('load/shapes');
    const load = () => Collection.load(spec, { programs: ['pinned'], pinPath })[Symbol.dispose]();
    load();
    load();
    const table = spec.maps.get('table')!;
    table.flags = 0;
    assert.throws(load, /map table: .* holds a map of another shape \(its flags are 0x1, not 0x0\)/);
    table.flags = 1;
    spec.maps.get('ring')!.maxEntries = 9000;
    assert.throws(load, /map ring: .* \(its number of entries is 8192, not 16384\)/);
  });
});

describe('maps that refer to others', () => {
  it('have their slots filled', () => {
    using collection = Collection.load(testSpec('load/maps'));
    const { returnValue } = collection.program('enter').testRun({ data: packet });
    assert.equal(returnValue, 42, 'the tail call went to slot 1');
    assert.equal(u64(collection.map('seen').lookup(indexKey(7))), 1n);
    // 64 bytes less the header's 14, of which the lowest two bits are 2.
    assert.equal(u64(collection.map('second').lookup(indexKey(0))), 1n);
    assert.equal(u64(collection.map('first').lookup(indexKey(0))), 0n);
  });

  it('bring along what a chosen program reaches', () => {
    using collection = Collection.load(testSpec('load/maps'), { programs: ['enter'] });
    assert.deepEqual([...collection.programs.keys()].sort(), ['enter', 'tail']);
    using alone = Collection.load(testSpec('load/maps'), { programs: ['tail'] });
    assert.deepEqual([...alone.maps.keys()], ['seen']);
    assert.throws(() => alone.map('outer'), /no map outer was loaded; there are seen/);
  });

  it('can be replaced, sized and pinned', () => {
    using other = Collection.load(testSpec('load/maps'), { programs: ['tail'], maxEntries: { seen: 99 } });
    assert.equal(other.map('seen').info().maxEntries, 99);
    {
      using collection = Collection.load(testSpec('load/maps'), { replaceMaps: { seen: other.map('seen') } });
      collection.program('enter').testRun({ data: packet });
    }
    assert.equal(u64(other.map('seen').lookup(indexKey(7))), 1n, 'it stays open');

    const pinPath = pinFolder('load');
    const spec = testSpec('load/maps');
    spec.maps.get('seen')!.pinning = 'by-name';
    {
      using first = Collection.load(spec, { pinPath });
      first.program('enter').testRun({ data: packet });
    }
    using second = Collection.load(spec, { pinPath });
    assert.equal(u64(second.map('seen').lookup(indexKey(7))), 1n);
    spec.maps.get('seen')!.maxEntries = 17;
    assert.throws(() => Collection.load(spec, { pinPath }), /holds a map of another shape/);
  });
});

describe('kernel memory', () => {
  const run = (options: Parameters<typeof Collection.load>[1]): bigint[] => {
    using collection = Collection.load(testSpec('load/reads'), options);
    collection.program('read_task').testRun();
    return [0, 1, 2, 3].map((i) => u64(collection.map('results').lookup(indexKey(i))));
  };

  it('is read through the kernel types', (t) => {
    if (!hasFeatures(t, 'kernel_btf', 'test_run_raw_tp')) return;
    const expected = [BigInt(process.ppid), BigInt(readFileSync('/proc/thread-self/comm')[0]!), 0n, 0n];
    assert.deepEqual(run({}), expected);
    // The old helpers still exist.
    assert.deepEqual(run({ features: features.without('probe_read_kernel') }), expected);
  });

  it('is not read without its types', () => {
    const builder = new BtfBuilder();
    builder.addInt('int', 4);
    // No task_struct: everything but the existence check is poisoned, and the verifier finds that.
    assert.throws(
      () => run({ btf: builder.build() }),
      (error: Error) => error instanceof VerifierError && /read_task/.test(error.message),
    );
  });
});

describe('kernel symbols', () => {
  it('resolve by address', (t) => {
    if (!hasFeatures(t, 'kernel_btf', 'test_run_raw_tp')) return;
    using collection = Collection.load(testSpec('load/ksyms'), { programs: ['untyped'] });
    collection.program('untyped').testRun();
    const { globals } = collection;
    assert.equal(globals.readInteger('address'), kernelSymbols().get('tcp_v4_connect')?.address);
    assert.equal(globals.readInteger('missing'), 0n);
    const spec = testSpec('load/ksyms');
    const symbol = spec.kernelSymbols.get('weir_no_such_symbol')!;
    spec.kernelSymbols.set(symbol.name, { ...symbol, weak: false });
    assert.throws(() => Collection.load(spec, { programs: ['untyped'] }), /weir_no_such_symbol/);
  });

  it('resolve by type', (t) => {
    if (!hasFeatures(t, 'kernel_btf', 'test_run_raw_tp')) return;
    const load = () => Collection.load(testSpec('load/ksyms'), { programs: ['typed'] });
    const isTyped = kernelBtf()?.find('runqueues', Kind.var) !== undefined;
    if (!isTyped || kernelSymbols().get('runqueues') === undefined) {
      // Old kernels' BTF lacks variables; without CONFIG_KALLSYMS_ALL the kernel finds none by name.
      assert.throws(load, isTyped ? VerifierError : /the kernel's BTF has no variable/);
      return;
    }
    using collection = load();
    collection.program('typed').testRun();
    assert.notEqual(collection.globals.readInteger('per_cpu'), 0n);
  });
});

describe('programs that are loaded at the same time', () => {
  it('are the same, with maps and slots', async () => {
    using collection = await Collection.loadAsync(testSpec('load/maps'));
    using inTurn = Collection.load(testSpec('load/maps'));
    assert.deepEqual([...collection.programs.keys()], [...inTurn.programs.keys()]);
    for (const [name, program] of collection.programs)
      assert.equal(program.info().tag, inTurn.program(name).info().tag, name);
    assert.equal(collection.program('enter').testRun({ data: packet }).returnValue, 42);
    assert.equal(u64(collection.map('seen').lookup(indexKey(7))), 1n);
  });

  it('leave the event loop free', async () => {
    let turns = 0;
    const loading = Collection.loadAsync(testSpec('load/maps'));
    setImmediate(() => turns++);
    using _collection = await loading;
    assert.equal(turns, 1);
  });

  it('have large maps that are made on other threads', async () => {
    const maxEntries = { seen: 200_000 };
    using collection = await Collection.loadAsync(testSpec('load/maps'), { maxEntries });
    using inTurn = Collection.load(testSpec('load/maps'), { maxEntries });
    for (const [name, map] of inTurn.maps) {
      const { id: _, btfId: _types, ...others } = map.info();
      const { id: __, btfId: __types, ...same } = collection.map(name).info();
      assert.deepEqual(same, others, name);
    }
    assert.equal(collection.program('enter').testRun({ data: packet }).returnValue, 42);
  });

  it('leave nothing where a large map cannot be made', async () => {
    const before = openDescriptors();
    const maxEntries = { seen: 2 ** 32 - 1 };
    await assert.rejects(Collection.loadAsync(testSpec('load/maps'), { maxEntries }), /map seen of kind/);
    assert.deepEqual(openDescriptors(), before);
  });

  it('are under way while something else is done, and leave nothing where that fails', async () => {
    const before = openDescriptors();
    let calls = 0;
    {
      using _collection = await Collection.loadAsync(testSpec('load/maps'), {}, () => void calls++);
      assert.equal(calls, 1);
    }
    const fail = () => {
      throw new Error('something else');
    };
    await assert.rejects(Collection.loadAsync(testSpec('load/maps'), {}, fail), /something else/);
    assert.deepEqual(openDescriptors(), before);
  });

  it('have logs where they are asked for', async () => {
    using collection = await Collection.loadAsync(testSpec('load/data'), { logLevel: 2 });
    assert.match(collection.logs.get('count') ?? '', /processed \d+ insns/);
  });

  it('leave nothing where one of them is refused, and its log is in the error', async () => {
    const before = openDescriptors();
    for (let i = 0; i < 3; i++) {
      await assert.rejects(Collection.loadAsync(testSpec('load/rejected')), (error: Error) => {
        assert.ok(error instanceof VerifierError, String(error));
        assert.match(error.message, /program unchecked was rejected/);
        assert.match(error.log, /map_value_or_null/);
        return true;
      });
    }
    const nameless = testSpec('load/data');
    nameless.programs.get('count')!.type = 0;
    await assert.rejects(Collection.loadAsync(nameless), /does not say its type/);
    assert.deepEqual(openDescriptors(), before);
  });
});

describe('a failure', () => {
  it('throws the verifier log of a rejected program and leaves nothing', async () => {
    const before = openDescriptors();
    for (let i = 0; i < 3; i++) {
      assert.throws(
        () => Collection.load(testSpec('load/rejected')),
        (error: Error) => {
          assert.ok(error instanceof VerifierError, String(error));
          assert.match(error.message, /program unchecked was rejected/);
          assert.match(error.log, /map_value_or_null/);
          assert.equal(error.code, 'EACCES');
          return true;
        },
      );
    }
    assert.deepEqual(openDescriptors(), before);
    let ids: number[];
    {
      using good = Collection.load(testSpec('load/rejected'), { programs: ['good'] });
      ids = [...good.maps.values()].map((map) => map.info().id);
    }
    assert.deepEqual(openDescriptors(), before);
    await assertMapsGone(ids);
  });

  it('has the reason of the verifier, not that its log had no room', () => {
    const instructions = assemble(
      ...Array.from({ length: 50 }, () => insn.movImmediate(0, 1)),
      insn.mov(0, 5),
      insn.exit(),
    );
    const none = { functions: [], mapReferences: [], externReferences: [], functionReferences: [] };
    const debug = { coreRelocations: [], funcInfo: [], lineInfo: [] };
    const kind = { section: 'socket', type: ProgramType.socketFilter, flags: 0, autoload: true };
    const program = { name: 'unread', license: 'GPL', instructions, ...kind, ...none, ...debug };
    using modules = new ModuleTypes();
    const load = (logSizes: readonly number[]) => () =>
      loadProgram(program, instructions, { features, btfFd: undefined, logLevel: 0, modules, logSizes });
    for (const sizes of [[128, 256], [128, 1 << 16], [1 << 16]])
      assert.throws(load(sizes), (error: Error) => error instanceof VerifierError && error.code === 'EACCES');
  });

  it('names the program or program type that is missing', () => {
    assert.throws(
      () => Collection.load(testSpec('load/data'), { programs: ['cont'] }),
      /no program cont; it has count/,
    );
    const spec = testSpec('load/data');
    spec.programs.get('count')!.type = 0;
    assert.throws(() => Collection.load(spec), /does not say its type/);
    spec.programs.get('count')!.type = 77;
    assert.throws(() => Collection.load(spec), UnsupportedError);
  });
});

describe('logs', () => {
  it('are kept when asked for', () => {
    using collection = Collection.load(testSpec('load/data'), { logLevel: 2 });
    assert.match(collection.logs.get('count') ?? '', /processed \d+ insns/);
    using quiet = Collection.load(testSpec('load/data'));
    assert.equal(quiet.logs.size, 0);
  });
});

describe('older kernels, imitated', () => {
  /** Objects that must still work, by the feature that is absent. */
  const dispensable: readonly FeatureName[] = [
    'prog_name',
    'map_name',
    'btf',
    'btf_func',
    'btf_datasec',
    'btf_func_global',
    'btf_func_pointers',
    'btf_float',
    'btf_decl_tag',
    'btf_type_tag',
    'btf_enum64',
    'expected_attach_type',
    'probe_read_kernel',
    'map_freeze',
    'array_mmap',
    'memcg_accounting',
  ];

  for (const name of dispensable) {
    it(`works without ${name}`, () => {
      for (const object of ['load/data', 'load/maps']) {
        using collection = Collection.load(testSpec(object), { features: features.without(name) });
        const program = collection.program(object === 'load/data' ? 'count' : 'enter');
        assert.equal(program.testRun({ data: packet }).returnValue, object === 'load/data' ? 10 : 42);
      }
    });
  }

  it('works without all of them', () => {
    using collection = Collection.load(testSpec('load/data'), { features: features.without(...dispensable) });
    assert.equal(collection.program('count').testRun({ data: packet }).returnValue, 10);
    assert.equal(collection.program('count').info().btfId, 0);
    assert.equal(collection.program('count').info().name, '');
  });

  it('says that global data is missing', () => {
    const old = { features: features.asOf('4.18') };
    assert.throws(() => Collection.load(testSpec('load/data'), old), /global data.*5\.2/);
    using collection = Collection.load(testSpec('load/maps'), old);
    assert.equal(collection.program('enter').testRun({ data: packet }).returnValue, 42);
  });
});
