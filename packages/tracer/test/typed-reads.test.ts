/** The two objects with the programs of the lifecycle, which differ in how they read the kernel's memory. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readObject } from '../src/objects.js';

const CALL = 0x85;
/** BPF_FUNC_*. */
const PROBE_READ_KERNEL = 113;
const GET_CURRENT_UID_GID = 15;
const GET_CURRENT_COMM = 16;

const called = readObject('tcp.bpf.o');
const typed = readObject('tcp-typed.bpf.o');

function countCalls(instructions: Uint8Array, helper: number): number {
  const view = new DataView(instructions.buffer, instructions.byteOffset, instructions.length);
  let count = 0;
  for (let at = 0; at < instructions.length; at += 8) {
    const isHelper = view.getUint8(at) === CALL && view.getUint8(at + 1) === 0;
    if (isHelper && view.getInt32(at + 4, true) === helper) count++;
  }
  return count;
}

const withoutContents = (object: typeof typed) =>
  [...object.maps.values()].map(({ name, type, keySize, valueSize }) => ({ name, type, keySize, valueSize }));

describe('the object whose programs read sockets by loads', () => {
  it('has the programs, the maps and the settings of the other one', () => {
    assert.deepEqual([...typed.programs.keys()].sort(), [...called.programs.keys()].sort());
    assert.deepEqual(withoutContents(typed), withoutContents(called));
    for (const [name, { section }] of called.programs)
      assert.equal(typed.programs.get(name)!.section, section);
  });

  it('calls a helper for less than half of the reads', () => {
    for (const name of ['state_change', 'state_change_event', 'state_change_nested', 'graft_kprobe']) {
      const calls = [typed, called].map(({ programs }) =>
        countCalls(programs.get(name)!.instructions, PROBE_READ_KERNEL),
      );
      assert.ok(calls[0]! < calls[1]! / 2, `${name}: ${calls.join(' and ')}`);
    }
  });

  it("calls no helper for the current thread's user and name", () => {
    for (const name of ['state_change', 'state_change_event', 'state_change_nested', 'graft_kprobe']) {
      for (const helper of [GET_CURRENT_UID_GID, GET_CURRENT_COMM]) {
        const calls = [typed, called].map(({ programs }) =>
          countCalls(programs.get(name)!.instructions, helper),
        );
        assert.deepEqual([calls[0], calls[1]! > 0], [0, true], name);
      }
    }
  });
});
