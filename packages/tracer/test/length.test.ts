/** The length of the kernel programs. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readObject } from '../src/objects.js';

/** BPF_MAXINSNS: before Linux 5.2, no program may be longer. */
const MAX_INSTRUCTIONS = 4096;

describe('the programs that kernels before 5.2 load', () => {
  for (const name of [
    'state_change',
    'state_change_event',
    'state_change_nested',
    'accept_kretprobe',
    'graft_kprobe',
  ]) {
    it(`${name} is no longer than they allow`, () => {
      const program = readObject('tcp.bpf.o').programs.get(name);
      assert.ok(program !== undefined);
      assert.ok(program.instructions.length / 8 <= MAX_INSTRUCTIONS, String(program.instructions.length / 8));
    });
  }
});
