/** The hash table of services, without a kernel. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ArrayMap } from '@weir/ebpf';
import { keyPrefix } from '../src/address.js';
import { VipSlots } from '../src/datapath/vip-slots.js';
import { sizeofVipSlot } from '../src/generated/balancer.js';

const COUNT = 16_384;

/** Slots in memory of this process. */
function slots(): { table: VipSlots; numbers: () => number[] } {
  const memory = new Uint8Array(COUNT * sizeofVipSlot);
  const view = new DataView(memory.buffer);
  return {
    table: new VipSlots({ maxEntries: COUNT, memory: () => memory } as unknown as ArrayMap),
    numbers: () => Array.from({ length: COUNT }, (_, i) => view.getUint32(i * sizeofVipSlot + 20, true)),
  };
}

describe('slots', () => {
  it('slots have room for all services after many changes', () => {
    const { table, numbers } = slots();
    for (let round = 0; round < 3; round++) {
      const prefixes = Array.from({ length: 4096 }, (_, i) => keyPrefix(`10.${round}.${i >> 8}.${i & 255}`));
      for (const [i, prefix] of prefixes.entries()) {
        assert.ok(table.hasRoom(prefix, 80));
        table.add(prefix, 80, i);
      }
      const live = numbers().filter((number) => number !== 0 && number !== 0xffff_ffff);
      assert.deepEqual(
        live.sort((a, b) => a - b),
        Array.from({ length: 4096 }, (_, i) => i + 1),
      );
      for (const prefix of prefixes) table.remove(prefix, 80);
      assert.ok(numbers().every((number) => number === 0 || number === 0xffff_ffff));
    }
  });
});
