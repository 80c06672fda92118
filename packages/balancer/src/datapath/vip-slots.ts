/** The program's hash table of services with a single address, in shared memory. */

import type { ArrayMap } from '@weir/ebpf';
import { OptionError } from '@weir/ebpf';
import type { KeyPrefix } from '../address.js';
import { Limit, NoVip, offsetsVipSlot, sizeofVipSlot } from '../generated/balancer.js';
import { u64 } from './hash/words.js';

const { VIP_PROBES, VIP_SLOT_BITS } = Limit;
const { VIP_NONE, VIP_GONE } = NoVip;

/**
 * A program that reads at the same time sees a slot's old or new content: its number is changed first and written last.
 */
export class VipSlots {
  readonly #slots: DataView;
  readonly #count: number;

  constructor(map: ArrayMap) {
    const memory = map.memory(true);
    this.#slots = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
    this.#count = map.maxEntries;
  }

  /** Whether there is a slot for a further service. */
  hasRoom(prefix: KeyPrefix, service: number): boolean {
    return this.#freeSlot(...halves(prefix), service) !== undefined;
  }

  /** Adds a service, or changes its number. @throws OptionError if there is no slot. */
  add(prefix: KeyPrefix, service: number, number: number): void {
    const [low, high] = halves(prefix);
    const slot =
      this.#probes(low, high, service).find((offset) => this.#isAt(offset, low, high, service)) ??
      this.#freeSlot(low, high, service);
    if (slot === undefined) throw new OptionError('too many services whose addresses share a hash');
    this.#slots.setBigUint64(slot + offsetsVipSlot.address, low, true);
    this.#slots.setBigUint64(slot + offsetsVipSlot.address + 8, high, true);
    this.#slots.setUint32(slot + offsetsVipSlot.service, service, true);
    this.#slots.setUint32(slot + offsetsVipSlot.number, number + 1, true);
  }

  remove(prefix: KeyPrefix, service: number): void {
    const [low, high] = halves(prefix);
    for (const slot of this.#probes(low, high, service)) {
      if (!this.#isAt(slot, low, high, service)) continue;
      this.#slots.setUint32(slot + offsetsVipSlot.number, VIP_GONE, true);
      // No search may find a slot whose service was removed.
      this.#slots.setUint32(slot + offsetsVipSlot.service, 0, true);
    }
  }

  #isAt(slot: number, low: bigint, high: bigint, service: number): boolean {
    const number = this.#number(slot);
    return (
      number !== VIP_NONE &&
      number !== VIP_GONE &&
      this.#slots.getBigUint64(slot + offsetsVipSlot.address, true) === low &&
      this.#slots.getBigUint64(slot + offsetsVipSlot.address + 8, true) === high &&
      this.#slots.getUint32(slot + offsetsVipSlot.service, true) === service
    );
  }

  #freeSlot(low: bigint, high: bigint, service: number): number | undefined {
    return this.#probes(low, high, service).find((offset) => {
      const found = this.#number(offset);
      return found === VIP_NONE || found === VIP_GONE;
    });
  }

  #number(slot: number): number {
    return this.#slots.getUint32(slot + offsetsVipSlot.number, true);
  }

  /** Offsets of the slots in which a service may be, in the program's order. */
  #probes(low: bigint, high: bigint, service: number): number[] {
    let hash = u64((low ^ u64(high * 0x9e3779b97f4a7c15n)) + BigInt(service));
    hash = u64((hash ^ (hash >> 32n)) * 0xd6e8feb86659fd93n);
    const first = Number(hash >> (64n - BigInt(VIP_SLOT_BITS)));
    return Array.from({ length: VIP_PROBES }, (_, i) => ((first + i) % this.#count) * sizeofVipSlot);
  }
}

function halves({ words }: KeyPrefix): [bigint, bigint] {
  const [a, b, c, d] = Array.from(words, BigInt) as [bigint, bigint, bigint, bigint];
  return [a | (b << 32n), c | (d << 32n)];
}
