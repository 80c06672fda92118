/** The program's hash table of server ids, in shared memory. */

import type { ArrayMap } from '@weir/ebpf';
import { OptionError } from '@weir/ebpf';
import { Limit } from '../generated/balancer.js';
import { encodeNumber } from './encode.js';
import type { HandleTable } from './handle-table.js';
import { u64 } from './hash/words.js';

const { ID_PROBES, ID_HASH_SHIFT } = Limit;
/** Slots for each possible id. */
const slotsPerId = 4;

/** Number of slots for a number of ids: a power of two. */
export function idSlotCount(ids: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(ids, 1) * slotsPerId));
}

/** Each slot is written in one step: the id in its lower half, the real's handle in the upper one. */
export class IdSlots implements HandleTable {
  readonly #slots: BigUint64Array;

  constructor(map: ArrayMap) {
    const memory = map.memory(true);
    this.#slots = new BigUint64Array(memory.buffer, memory.byteOffset, map.maxEntries);
  }

  /** @throws OptionError if all slots for the id are in use. */
  update(key: Uint8Array, value: Uint8Array): void {
    const id = word(key);
    const probes = this.#probes(id);
    const slot =
      probes.find((index) => BigInt.asUintN(32, this.#slots[index]!) === id) ??
      probes.find((index) => this.#slots[index]! >> 32n === 0n);
    if (slot === undefined)
      throw new OptionError(
        `server id ${id}: no slot is free, since too many ids share its hash; use another id`,
      );
    this.#slots[slot] = id | (word(value) << 32n);
  }

  delete(key: Uint8Array): boolean {
    const id = word(key);
    const slot = this.#probes(id).find((index) => BigInt.asUintN(32, this.#slots[index]!) === id);
    if (slot === undefined) return false;
    this.#slots[slot] = id;
    return true;
  }

  /** The ids in the table, with the handles of their reals. */
  *entries(): Generator<[Uint8Array, Uint8Array], void, undefined> {
    const words = new Uint32Array(this.#slots.buffer, this.#slots.byteOffset, 2 * this.#slots.length);
    for (let i = 0; i < words.length; i += 2) {
      if (words[i + 1] !== 0) yield [encodeNumber(words[i]!), encodeNumber(words[i + 1]!)];
    }
  }

  /** Indices of the slots in which an id may be, in the program's order. */
  #probes(id: bigint): number[] {
    const first = Number(u64(id * 0x9e3779b97f4a7c15n) >> BigInt(ID_HASH_SHIFT));
    return Array.from({ length: ID_PROBES }, (_, i) => (first + i) % this.#slots.length);
  }
}

function word(bytes: Uint8Array): bigint {
  return BigInt(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true));
}
