/** Maglev rings, which assign a real to each of 65537 slots. The same reals give the same ring on every balancer. */
import { OptionError } from '@weir/ebpf';
import { MAX_WEIGHT } from '../limits.js';
import { RING_SIZE } from './hash/flow.js';
import { ordersOf, takeLastSlots, takeSlots } from './ring-orders.js';

/** A real in a ring. */
export interface RingMember {
  /** The number in the real's slots: 1 to 65535. */
  readonly number: number;
  /** Decides the real's order of slots, 64 bits; see `addressSeed`. */
  readonly seed: bigint;
  /** A whole number from 0 to 2^31. Twice the weight gives twice the slots; 0 gives none. */
  readonly weight: number;
}

/**
 * How weights count. 2: reals take slots in proportion to their weights in every round. 1: in the first round each real
 * takes as many slots as its weight, afterwards one a round, so that weights hardly matter.
 */
export type RingVersion = 1 | 2;

/** The number in an empty ring's slots. */
export const NO_REAL = 0;

/** So many slots, over all members, are cheaper to sort than to step to. */
const SORTED_SLOTS = 1024;
/** Positions wrap where fewer slots are left to step to. */
const LEAST_SORTED = 3;

/** The members in the order of their turns, each of which takes one slot. */
function turnsOf(weights: Float64Array, version: RingVersion): Uint16Array {
  const turns = new Uint16Array(RING_SIZE);
  const largest = Math.max(...weights);
  const credits = new Float64Array(weights.length);
  let turn = 0;
  for (let round = 0; turn < RING_SIZE; round++) {
    for (let member = 0; member < weights.length; member++) {
      let count = 1;
      if (version === 1) count = round === 0 ? weights[member]! : 1;
      else {
        const credit = credits[member]! + weights[member]!;
        count = credit < largest ? 0 : 1;
        credits[member] = credit - count * largest;
      }
      for (; count > 0 && turn < RING_SIZE; count--) turns[turn++] = member;
    }
  }
  return turns;
}

/** Whether a ring can have a real of that weight. */
export function isWeight(weight: number): boolean {
  return Number.isInteger(weight) && weight >= 0 && weight <= MAX_WEIGHT;
}

/**
 * Builds a ring of real numbers, after Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load
 * Balancer" (2016).
 *
 * @returns A number for each of the 65537 slots; all are {@link NO_REAL} if no real has a weight.
 * @throws OptionError for a weight that is not a whole number from 0 to 2^31.
 */
export function buildRing(reals: readonly RingMember[], version: RingVersion = 2): Uint16Array {
  for (const { weight } of reals) {
    if (!isWeight(weight)) {
      throw new OptionError(`weight ${weight}: expected a whole number from 0 to ${MAX_WEIGHT}`);
    }
  }
  const members = reals.filter(({ weight }) => weight > 0).sort((a, b) => (a.seed < b.seed ? -1 : 1));
  const ring = new Uint16Array(RING_SIZE);
  if (members.length <= 1) return ring.fill(members[0]?.number ?? NO_REAL);
  const turns = turnsOf(
    Float64Array.from(members, ({ weight }) => weight),
    version,
  );
  const last = RING_SIZE - Math.max(LEAST_SORTED, Math.ceil(SORTED_SLOTS / members.length));
  const orders = ordersOf(members.map(({ seed }) => seed));
  const occupied = new Uint8Array(RING_SIZE);
  takeSlots(orders, turns.subarray(0, last), occupied, ring);
  takeLastSlots(orders, turns.subarray(last), occupied, ring);
  const numbers = Uint16Array.from(members, ({ number }) => number);
  for (let slot = 0; slot < RING_SIZE; slot++) ring[slot] = numbers[ring[slot]!]!;
  return ring;
}
