import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseObject } from '../src/index.js';
import { disassemble } from '../src/insn/disassemble.js';
import { Instructions } from '../src/insn/insn.js';
import { helperName } from '../src/uapi/helper-functions.js';
import { testObject } from './support/objects.js';

/** One slot, little-endian. */
function slot(opcode: number, destination = 0, source = 0, offset = 0, immediate = 0): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, opcode);
  view.setUint8(1, destination | (source << 4));
  view.setInt16(2, offset, true);
  view.setInt32(4, immediate, true);
  return bytes;
}

describe('Instructions', () => {
  it('reads and changes fields in both byte orders', () => {
    const little = new Instructions(slot(0x85, 2, 1, -3, -7), true);
    const swapped = Uint8Array.from([0x85, 0x21, 0xff, 0xfd, 0xff, 0xff, 0xff, 0xf9]);
    for (const code of [little, new Instructions(swapped, false)]) {
      assert.equal(code.length, 1);
      assert.equal(code.destination(0), 2);
      assert.equal(code.source(0), 1);
      assert.equal(code.offset(0), -3);
      assert.equal(code.immediate(0), -7);
      assert.ok(code.isSubprogramCall(0));
      code.setSource(0, 4);
      code.setImmediate(0, 9);
      assert.deepEqual([code.source(0), code.destination(0), code.immediate(0)], [4, 2, 9]);
    }
  });

  it('reads 64-bit constants', () => {
    const bytes = new Uint8Array([...slot(0x18, 1, 0, 0, -1), ...slot(0, 0, 0, 0, 0x12345678)]);
    const code = new Instructions(bytes, true);
    assert.ok(code.isLoadImm64(0));
    assert.equal(code.immediate64(0), 0x12345678_ffffffffn);
    assert.ok(!new Instructions(bytes.subarray(0, 8), true).isLoadImm64(0), 'half a load is none');
  });
});

describe('disassemble', () => {
  const cases: [Uint8Array, string][] = [
    [slot(0xbf, 6, 1), '(bf) r6 = r1'],
    [slot(0x07, 1, 0, 0, -8), '(07) r1 += -8'],
    [slot(0xb4, 0, 0, 0, 1), '(b4) w0 = 1'],
    [slot(0x87, 3), '(87) r3 = -r3'],
    [slot(0xdc, 2, 0, 0, 16), '(dc) r2 = be16 r2'],
    [slot(0x3f, 1, 2, 1), '(3f) r1 s/= r2'],
    [slot(0xbf, 1, 2, 8), '(bf) r1 = (s8)r2'],
    [slot(0x61, 1, 6, 76), '(61) r1 = *(u32 *)(r6 +76)'],
    [slot(0x63, 10, 1, -4), '(63) *(u32 *)(r10 -4) = r1'],
    [slot(0x7a, 10, 0, -8, 5), '(7a) *(u64 *)(r10 -8) = 5'],
    [slot(0xdb, 1, 2, 0, 0), '(db) lock *(u64 *)(r1 +0) += r2'],
    [slot(0xdb, 1, 2, 0, 1), '(db) r2 = atomic64_fetch_add((u64 *)(r1 +0), r2)'],
    [slot(0xc3, 1, 2, 4, 0xf1), '(c3) r0 = atomic_cmpxchg((u32 *)(r1 +4), r0, r2)'],
    [slot(0x30, 0, 0, 0, 23), '(30) r0 = *(u8 *)skb[23]'],
    [slot(0x15, 1, 0, 3, 0), '(15) if r1 == 0x0 goto pc+3'],
    [slot(0xae, 1, 2, -2), '(ae) if w1 < w2 goto pc-2'],
    [slot(0x05, 0, 0, -1), '(05) goto pc-1'],
    [slot(0x85, 0, 0, 0, 1), '(85) call bpf_map_lookup_elem#1'],
    [slot(0x85, 0, 1, 0, 5), '(85) call pc+5'],
    [slot(0x95), '(95) exit'],
    [slot(0xff), '(ff) unknown instruction 0xff'],
    [slot(0x18, 1), '(18) unknown instruction 0x18'],
  ];
  for (const [bytes, text] of cases) {
    it(text, () => assert.deepEqual(disassemble(bytes), [`0: ${text}`]));
  }

  it('counts both slots of a 64-bit load and takes names', () => {
    const load = [...slot(0x18, 1, 1, 0, 4), ...slot(0), ...slot(0x95)];
    assert.deepEqual(disassemble(new Uint8Array(load)), ['0: (18) r1 = map[fd:4]', '2: (95) exit']);
    const names = new Map([[0, 'table']]);
    assert.equal(disassemble(new Uint8Array(load), { names })[0], '0: (18) r1 = table');
  });

  it('knows all that the compiler emits', () => {
    for (const object of ['object/everything', 'object/callback', 'core/fields']) {
      for (const { instructions } of parseObject(testObject(object)).programs.values()) {
        for (const line of disassemble(instructions)) assert.doesNotMatch(line, /unknown|undefined/);
      }
    }
  });

  it('names helpers as the kernel does', () => {
    assert.equal(helperName(14), 'bpf_get_current_pid_tgid');
    assert.equal(helperName(131), 'bpf_ringbuf_reserve');
    assert.equal(helperName(211), 'bpf_cgrp_storage_delete');
    assert.equal(helperName(0), 'unknown');
    assert.equal(helperName(212), 'unknown');
  });
});
