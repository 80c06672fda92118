/** Loaded programs: the kernel's account of them, test runs, pins, statistics. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { SyscallError } from '../src/errors.js';
import { Collection, enableStats, features, Program, ProgramType } from '../src/index.js';
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
