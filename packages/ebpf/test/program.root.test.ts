/** Loaded programs: the kernel's account of them, test runs, pins, statistics. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { SyscallError } from '../src/errors.js';
import {
  btfFromId,
  btfIds,
  Collection,
  enableStats,
  features,
  Kind,
  kernelAtLeast,
  kernelBtf,
  linkIds,
  listProgram,
  Program,
  ProgramType,
  programIds,
} from '../src/index.js';
import { parseObject } from '../src/object/parse-object.js';
import { hasFeatures } from './support/kernel.js';
import { testObject } from './support/objects.js';
import { assertRoot, openDescriptors, pinFolder } from './support/root.js';

assertRoot();

function load(name: string, ...programs: string[]): Collection {
  return Collection.load(parseObject(testObject(name)), programs.length === 0 ? {} : { programs });
}

describe('information about a program', () => {
  it('agrees with its maps, its types and its instructions', () => {
    using collection = load('load/data');
    const program = collection.program('count');
    const info = program.info();
    assert.equal(info.type, ProgramType.socketFilter);
    assert.equal(info.name, 'count');
    assert.equal(program.id, info.id);
    assert.match(info.tag, /^[0-9a-f]{16}$/);
    assert.ok(info.btfId > 0);
    const used = [...collection.maps.values()].map((map) => map.info().id);
    assert.ok(info.mapIds.length > 0 && info.mapIds.every((id) => used.includes(id)));
    assert.equal(program.translatedInstructions().length, info.xlatedLength);
  });

  it('is refused once the program is disposed of', () => {
    const collection = load('load/data');
    const program = collection.program('count');
    collection[Symbol.dispose]();
    collection[Symbol.dispose]();
    assert.throws(() => program.info(), /disposed/);
  });
});

describe('objects by id', () => {
  it('are listed and opened, programs and types', () => {
    using collection = load('load/data');
    const program = collection.program('count');
    const { id, btfId } = program.info();
    assert.ok([...programIds()].includes(id));
    using again = Program.fromId(id);
    assert.deepEqual([again?.name, again?.type, again?.id], ['count', program.type, id]);
    assert.equal(Program.fromId(0x7fff_ffff), undefined);
    const types = btfFromId(btfId);
    assert.equal(types?.isKernel, false);
    assert.ok(types?.btf.find('count', Kind.func) !== undefined);
    assert.equal(btfFromId(0x7fff_ffff), undefined);
    if (kernelAtLeast('5.11')) {
      assert.ok([...btfIds()].includes(btfId));
      const own = [...btfIds()].map((each) => btfFromId(each)).find((each) => each?.name === 'vmlinux');
      if (kernelBtf() !== undefined) assert.equal(own?.btf.length, kernelBtf()?.length);
    }
  });

  it('are listed, links', () => {
    using collection = load('load/typed', 'on_enter');
    if (!kernelAtLeast('5.8')) {
      assert.throws(() => [...linkIds()], /5\.8/);
      return;
    }
    const before = [...linkIds()];
    const attached = collection.attach();
    const added = [...linkIds()].filter((id) => !before.includes(id));
    attached.detach();
    const link = attached.links.get('on_enter');
    assert.equal(link, undefined, 'detached');
    assert.ok(added.length >= 1);
  });
});

describe('a listing', () => {
  it('shows source lines, functions, maps and helpers, of an object and of a loaded program', () => {
    const spec = parseObject(testObject('load/typed'));
    const text = listProgram(spec, 'take_sample');
    assert.match(text, /^take_sample:\n/);
    assert.match(
      text,
      /; .*bpf_map_push_elem\(&waiting, &key, 0\);? \[file:.*typed\.bpf\.c line_num:\d+ line_col:\d+\]/,
    );
    assert.match(text, /\(18\) r1 = map\[waiting\]\n/);
    assert.match(text, /call bpf_map_push_elem#87/);
    assert.throws(() => listProgram(spec, 'nothing'), /no program nothing; it has take_note, take_sample/);

    using collection = load('load/typed', 'take_sample');
    const loaded = collection.program('take_sample').list();
    assert.match(loaded, /^take_sample:\n/);
    assert.match(
      loaded,
      /; .*bpf_map_push_elem\(&waiting, &key, 0\);? \[file:.*typed\.bpf\.c line_num:\d+ line_col:\d+\]/,
    );
    assert.match(loaded, /\(18\) r1 = map\[waiting, id:\d+\]\n/);
    assert.match(loaded, /call \w*event_output\w*#-?\d+/);
  });
});

describe('machine code', () => {
  it('is that of each function, at its address', (t) => {
    using collection = load('load/data');
    const program = collection.program('count');
    const functions = program.machineCode();
    const { jitedLength } = program.info();
    if (jitedLength === 0) {
      assert.deepEqual(functions, []);
      return t.skip('this kernel interprets programs');
    }
    assert.deepEqual(functions.map(({ name }) => name).sort(), ['count', 'scaled', 'sum_to']);
    assert.equal(
      functions.reduce((sum, { code }) => sum + code.length, 0),
      jitedLength,
    );
    for (const { address, code } of functions) {
      assert.ok(address > 0n);
      assert.ok(code.some((byte) => byte !== 0));
    }
    assert.equal(functions[0]!.name, 'count', 'in the order of the program');
  });
});

describe('test runs', () => {
  const packet = Uint8Array.from({ length: 64 }, (_, i) => i);

  it('give the changed packet back', () => {
    using collection = load('load/runs', 'change_packet');
    const run = collection.program('change_packet').testRun({ data: packet, repeat: 100 });
    assert.equal(run.returnValue, 3, 'XDP_TX');
    assert.deepEqual([...run.data], [0xaa, ...packet.subarray(1)]);
    assert.throws(
      () => collection.program('change_packet').testRun({ data: packet, dataOutSize: 10 }),
      (error: Error) =>
        error instanceof SyscallError && error.code === 'ENOSPC' && /64 bytes/.test(error.message),
    );
  });

  it('run live frames, which the program itself disposes of', () => {
    using collection = load('load/runs', 'count_frame');
    const run = (liveFrames: boolean | number) =>
      collection.program('count_frame').testRun({ data: packet, repeat: 100, liveFrames });
    if (!kernelAtLeast('5.18')) {
      assert.throws(() => run(true), /BPF_F_TEST_XDP_LIVE_FRAMES.*5\.18/);
      return;
    }
    for (const liveFrames of [true, 7]) assert.equal(run(liveFrames).data.length, 0);
    assert.equal(collection.globals.readInteger('sum'), 200n);
    assert.throws(() => run(1000), SyscallError);
  });

  it('take and give a context', () => {
    using collection = load('load/runs', 'change_mark');
    // struct __sk_buff: mark at 8, priority at 32.
    const ctx = new Uint8Array(192);
    new DataView(ctx.buffer).setUint32(32, 6, true);
    const run = collection.program('change_mark').testRun({ data: packet, ctx });
    assert.equal(run.returnValue, 5);
    assert.equal(new DataView(run.ctx.buffer).getUint32(8, true), 7);
  });

  it('pass arguments to raw tracepoints', (t) => {
    if (!hasFeatures(t, 'test_run_raw_tp')) return;
    using collection = load('load/runs', 'add_arguments');
    const ctx = new Uint8Array(BigUint64Array.of(40n, 2n).buffer);
    collection.program('add_arguments').testRun({ ctx });
    assert.equal(collection.globals.readInteger('sum'), 42n);
  });

  it('end as a raw tracepoint that writes has it', () => {
    using runs = load('load/runs', 'change_packet');
    using collection = load('link/hooks', 'change_result');
    const run = () => runs.program('change_packet').testRun({ data: packet }).returnValue;
    collection.globals.write('changed_process', process.pid);
    {
      using link = collection.program('change_result').attach();
      assert.equal(link.kind, 'raw_tracepoint');
      assert.throws(run, (error: Error) => error instanceof SyscallError && error.code === 'ENODEV');
    }
    assert.equal(run(), 3);
  });

  it('call syscall programs', (t) => {
    if (!hasFeatures(t, 'syscall_program')) return;
    using collection = load('load/call');
    const ctx = new Uint8Array(16);
    new Uint32Array(ctx.buffer).set([6, 7]);
    const run = collection.program('multiply').testRun({ ctx });
    assert.equal(run.returnValue, 9);
    assert.equal(new DataView(run.ctx.buffer).getBigUint64(8, true), 42n);
  });

  it('say which types cannot be run', () => {
    using collection = load('link/probes', 'on_entry');
    assert.throws(() => collection.program('on_entry').testRun(), /cannot test-run/);
  });
});

describe('pins', () => {
  it('keep a program alive', () => {
    const path = join(pinFolder('program'), 'count');
    {
      using collection = load('load/data');
      collection.program('count').pin(path);
    }
    const before = openDescriptors();
    {
      using program = Program.openPinned(path);
      assert.equal(program.name, 'count');
      assert.equal(program.type, ProgramType.socketFilter);
      assert.equal(program.testRun({ data: new Uint8Array(64) }).returnValue, 10);
    }
    assert.deepEqual(openDescriptors(), before);
  });

  it('are distinguished from pinned maps', () => {
    const path = join(pinFolder('map'), 'seen');
    using collection = load('load/maps');
    collection.map('seen').pin(path);
    const before = openDescriptors();
    assert.throws(() => Program.openPinned(path), /holds no program but anon_inode:bpf-map/);
    assert.deepEqual(openDescriptors(), before);
  });
});

describe('statistics', () => {
  for (const table of [features, features.without('enable_stats')]) {
    it(`count runs while enabled${table === features ? '' : ' (by sysctl)'}`, () => {
      using collection = load('load/runs', 'change_packet');
      const program = collection.program('change_packet');
      const data = new Uint8Array(64);
      program.testRun({ data, repeat: 10 });
      assert.equal(program.info().runCount, 0n);
      {
        using _stats = enableStats(table);
        program.testRun({ data, repeat: 1000 });
      }
      program.testRun({ data, repeat: 10 });
      const { runCount, runTimeNs } = program.info();
      assert.equal(runCount, 1000n);
      assert.ok(runTimeNs > 0n);
    });
  }
});
