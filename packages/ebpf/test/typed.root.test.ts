/** A generated module's object in the kernel: typed maps, globals, records and attachments. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FormatError, OptionError, SyscallError } from '../src/errors.js';
import { ProgramType } from '../src/index.js';
import { possibleCpus } from '../src/sys/cpus.js';
import { load, NoteColumns, type ObjectGlobals } from './generated/typed.js';
import { assertRoot, openDescriptors } from './support/root.js';

assertRoot();

const packet = { data: new Uint8Array(64) };

describe('a typed object', () => {
  it('has maps whose keys and values are decoded', () => {
    using object = load();
    const { byKey, perCpu, waiting } = object.maps;
    const [first, second] = [
      { pid: 1, kind: 2 },
      { pid: 3, kind: 65535 },
    ];
    byKey.set(first, { calls: 2 ** 40, last: 5 }).set(second, { calls: 1, last: 2 });
    assert.deepEqual(byKey.get(first), { calls: 2 ** 40, last: 5 });
    assert.equal(byKey.get({ pid: 1, kind: 3 }), undefined);
    assert.equal(byKey.has(second), true);
    assert.deepEqual(
      new Map([...byKey].map(([{ pid }, { last }]) => [pid, last])),
      new Map([
        [1, 5],
        [3, 2],
      ]),
    );
    assert.deepEqual([...byKey.keys()].map(({ kind }) => kind).sort(), [2, 65535]);
    assert.deepEqual([...byKey.values()].map(({ last }) => last).sort(), [2, 5]);
    assert.equal(byKey.delete(first), true);
    assert.equal(byKey.delete(first), false);
    assert.deepEqual([...byKey.take()], [[second, { calls: 1, last: 2 }]]);
    assert.equal(byKey.has(second), false);
    assert.throws(() => byKey.set(first, { calls: 1, last: 2 }, 2), SyscallError);

    const values = possibleCpus().map((cpu) => BigInt(cpu) + 2n ** 60n);
    perCpu.set(0, values);
    assert.deepEqual(perCpu.get(0), values);
    assert.deepEqual(
      [...perCpu],
      [
        [0, values],
        [1, values.map(() => 0n)],
      ],
    );
    assert.throws(() => perCpu.set(0, []), OptionError);

    waiting.push(first);
    waiting.push(second);
    assert.deepEqual(
      [waiting.peek(), waiting.pop(), waiting.pop(), waiting.pop()],
      [first, first, second, undefined],
    );
  });

  it('has globals that are set before loading and read while it runs', () => {
    using object = load({ globals: { firstRound: 9, label: 'mine', total: 2n ** 63n } });
    object.programs.takeSample.testRun(packet);
    assert.equal(object.globals.firstRound, 9);
    assert.equal(object.globals.label, 'mine');
    assert.equal(object.globals.total, 2n ** 63n + 1n);
    object.globals.last = { pid: 4, kind: 12 };
    object.programs.takeSample.testRun(packet);
    const kinds = [object.maps.waiting.pop()?.kind, object.maps.waiting.pop()?.kind];
    assert.deepEqual(kinds, [2, 12]);
    assert.equal(
      object.maps.perCpu.get(1)?.reduce((sum, count) => sum + count),
      2n,
    );
    const wrong = { nothing: 1 } as unknown as ObjectGlobals;
    assert.throws(
      () => load({ globals: wrong }),
      /no global variable nothing; it has total, last, firstRound/,
    );
    assert.throws(() => load({ globals: { label: 'far too long a text' } }), OptionError);
  });

  it('reads records of both kinds of buffers, as objects, into one object, as columns, and as they come', async () => {
    using object = load({ globals: { label: 'ring' } });
    const { takeNote, takeSample } = object.programs;
    for (const [map, program] of [
      [object.maps.notes, takeNote],
      [object.maps.samples, takeSample],
    ] as const) {
      object.globals.total = 0n;
      const reader = map.reader();
      assert.equal(program.testRun({ ...packet, repeat: 3 }).returnValue, 1);
      const numbers: number[] = [];
      assert.equal(
        reader.drain(({ number, round, text }) => numbers.push(number, round, text.length), 2),
        2,
      );
      assert.deepEqual(numbers, [1, 1, 4, 2, 1, 4]);
      const into = { number: 0, round: 0, text: '' };
      reader.drain((note) => assert.equal(note, into), 1, into);
      assert.deepEqual(into, { number: 3, round: 1, text: 'ring' });
      program.testRun({ ...packet, repeat: 3 });
      const columns = new NoteColumns(2);
      assert.equal(reader.drainColumns(columns), 2);
      assert.equal(reader.drainColumns(columns), 0);
      assert.deepEqual([...columns.number], [4, 5]);
      const come: number[] = [];
      for await (const { number } of reader) {
        come.push(number);
        if (come.length === 1) program.testRun(packet);
        if (come.length === 2) reader.close();
      }
      assert.deepEqual(come, [6, 7]);
      assert.throws(() => reader.drain(() => {}), /disposed/);
    }
    const reader = object.maps.notes.readerOf({ size: 64, read: () => 0 });
    takeNote.testRun(packet);
    assert.throws(() => reader.drain(() => {}), FormatError);
  });

  it('attaches all that its sections say, and says what it left out', () => {
    const before = openDescriptors();
    const object = load();
    const { links, skipped } = object.attach();
    assert.deepEqual([...links.keys()], ['on_enter']);
    assert.deepEqual([...skipped.keys()], ['take_note', 'take_sample']);
    assert.match(skipped.get('take_sample')!, /give the device/);
    assert.throws(
      () => object.attach({ takeSample: { device: 'no-such-device', direction: 'ingress' } }),
      /no-such-device/,
    );
    assert.throws(
      () => object.collection.attach({ on_entry: {} }),
      /no program on_entry was loaded; did you mean on_enter/,
    );
    assert.equal(object.programs.takeNote.type, ProgramType.socketFilter);
    object.maps.notes.reader();
    object.close();
    object.close();
    assert.deepEqual(openDescriptors(), before);
  });

  it('says of what was not loaded that it is not', () => {
    using object = load({ programs: ['on_enter'] });
    assert.throws(() => object.maps.notes, /no map notes was loaded/);
    assert.throws(() => object.programs.takeNote, /no program take_note was loaded/);
  });
});
