/** Maglev rings, which assign a real to each of 65537 slots. The same reals give the same ring on every balancer. */
import { OptionError } from '@weir/ebpf';
import { MAX_WEIGHT } from '../../limits.js';
import { RING_SIZE } from '../hash/flow.js';
import { ordersOf, takeLastSlots, takeSlots } from './ring-orders.js';
import { type RingVersion, turnsOf } from './ring-turns.js';

export type { RingVersion };

/** A real in a ring. */
export interface RingMember {
  /** The number in the real's slots: 1 to 65535. */
  readonly number: number;
  /** Decides the real's order of slots, 64 bits; see `addressSeed`. */
  readonly seed: bigint;
  /** A whole number from 0 to 2^31. Twice the weight gives twice the slots; 0 gives none. */
  readonly weight: number;
}

/** What decides a ring. */
export interface RingInputs {
  readonly members: readonly RingMember[];
  readonly version: RingVersion | undefined;
}

/** The number in an empty ring's slots. */
export const NO_REAL = 0;

/** So many slots, over all members, are cheaper to sort than to step to. */
const SORTED_SLOTS = 1024;
/** Positions wrap where fewer slots are left to step to. */
const LEAST_SORTED = 3;

/** Marks of the slots of the ring that is being built. To make them anew for each ring keeps the garbage collector busy. */
const occupied = new Uint8Array(RING_SIZE);

/** Whether a ring can have a real of that weight. */
export function isWeight(weight: number): boolean {
  return Number.isInteger(weight) && weight >= 0 && weight <= MAX_WEIGHT;
}

/**
 * Builds a ring of real numbers, after Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load
 * Balancer" (2016).
 *
 * @param ring Memory for the 65537 slots, with any content. Default: memory of its own.
 * @returns A number for each of the slots; all are {@link NO_REAL} if no real has a weight.
 * @throws OptionError for a weight that is not a whole number from 0 to 2^31.
 */
export function buildRing(
  reals: readonly RingMember[],
  version: RingVersion = 2,
  ring: Uint16Array = new Uint16Array(RING_SIZE),
): Uint16Array {
  for (const { weight } of reals) {
    if (!isWeight(weight)) {
      throw new OptionError(`weight ${weight}: expected a whole number from 0 to ${MAX_WEIGHT}`);
    }
  }
  const members = reals.filter(({ weight }) => weight > 0).sort((a, b) => (a.seed < b.seed ? -1 : 1));
  if (members.length <= 1) return ring.fill(members[0]?.number ?? NO_REAL);
  const draft = {
    turns: turnsOf(
      Float64Array.from(members, ({ weight }) => weight),
      version,
    ),
    numbers: Uint16Array.from(members, ({ number }) => number),
    occupied: occupied.fill(0),
    ring,
  };
  const orders = ordersOf(members.map(({ seed }) => seed));
  const last = Math.max(LEAST_SORTED, Math.ceil(SORTED_SLOTS / members.length));
  takeSlots(orders, draft, RING_SIZE - last);
  takeLastSlots(orders, draft, last);
  return ring;
}
