/** The two objects with the programs of the lifecycle, which differ in how they read the kernel's memory. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readObject } from '../src/objects.js';

const CALL = 0x85;
/** BPF_FUNC_probe_read_kernel. */
const PROBE_READ_KERNEL = 113;

const called = readObject('tcp.bpf.o');
const typed = readObject('tcp-typed.bpf.o');

function countReads(instructions: Uint8Array): number {
  const view = new DataView(instructions.buffer, instructions.byteOffset, instructions.length);
  let count = 0;
  for (let at = 0; at < instructions.length; at += 8) {
    const isHelper = view.getUint8(at) === CALL && view.getUint8(at + 1) === 0;
    if (isHelper && view.getInt32(at + 4, true) === PROBE_READ_KERNEL) count++;
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
      const calls = [typed, called].map(({ programs }) => countReads(programs.get(name)!.instructions));
      assert.ok(calls[0]! < calls[1]! / 2, `${name}: ${calls.join(' and ')}`);
    }
  });
});
