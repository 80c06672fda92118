/** The hash table of server ids, without a kernel. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ArrayMap } from '@weir/ebpf';
import { encodeNumber } from '../src/datapath/encode.js';
import { IdSlots, idSlotCount } from '../src/datapath/id-slots.js';

describe('slots', () => {
  it('the number of slots is a power of two, several times the number of ids', () => {
    assert.deepEqual([1, 2, 3, 65_536].map(idSlotCount), [4, 8, 16, 262_144]);
  });

  it('slots have room for their number of ids, random or not', () => {
    const count = 8192;
    const memory = new Uint8Array(idSlotCount(count) * 8);
    const map = { maxEntries: idSlotCount(count), memory: () => memory } as unknown as ArrayMap;
    const table = new IdSlots(map);
    for (const id of [(i: number) => i + 1, (i: number) => Math.imul(i + 1, 2654435761) >>> 0 || 1]) {
      for (let i = 0; i < count; i++) table.update(encodeNumber(id(i)), encodeNumber(i + 1));
      for (let i = 0; i < count; i++) assert.equal(table.delete(encodeNumber(id(i))), true);
      assert.equal(table.delete(encodeNumber(0xffff_fff0)), false);
    }
    const names = new BigUint64Array(memory.buffer);
    assert.ok(names.every((slot) => slot >> 32n === 0n));
  });

  it('an id has one slot', () => {
    const memory = new Uint8Array(idSlotCount(4) * 8);
    const table = new IdSlots({ maxEntries: 16, memory: () => memory } as unknown as ArrayMap);
    for (let name = 1; name < 9; name++) table.update(encodeNumber(7), encodeNumber(name));
    const used = [...new BigUint64Array(memory.buffer)].filter((slot) => slot !== 0n);
    assert.deepEqual(used, [7n | (8n << 32n)]);
  });
});
