/** Maglev rings, which assign a real to each of 65537 slots. The same reals give the same ring on every balancer. */
import { OptionError } from '@weir/ebpf';
import { MAX_WEIGHT } from '../limits.js';
import { RING_SIZE } from './hash/flow.js';
import { murmur3Pair } from './hash/murmur3.js';

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

/** A real's own order of all slots: a start and a step, which reach every slot since the ring's size is prime. */
class Preference {
  readonly #skip: number;
  #position: number;

  constructor(seed: bigint) {
    this.#position = Number(murmur3Pair(seed, 42n, 0n) % BigInt(RING_SIZE));
    this.#skip = Number(murmur3Pair(seed, 2718281828n, 2307n) % BigInt(RING_SIZE - 1)) + 1;
  }

  /** The next free slot. The position wraps at 32 bits, as on the balancers that this one stands beside. */
  next(taken: Uint8Array): number {
    for (;;) {
      const slot = this.#position % RING_SIZE;
      this.#position = (this.#position + this.#skip) >>> 0;
      if (taken[slot] === 0) return slot;
    }
  }
}

/** Returns the number of slots that a member takes in its turn of a round. */
type Turns = (member: number, round: number) => number;

function turns(members: readonly RingMember[], version: RingVersion): Turns {
  const weights = Float64Array.from(members, ({ weight }) => weight);
  if (version === 1) return (member, round) => (round === 0 ? weights[member]! : 1);
  const largest = Math.max(...weights);
  const credits = new Float64Array(weights.length);
  return (member) => {
    credits[member]! += weights[member]!;
    if (credits[member]! < largest) return 0;
    credits[member]! -= largest;
    return 1;
  };
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
  const taken = new Uint8Array(RING_SIZE);
  const preferences = members.map(({ seed }) => new Preference(seed));
  let left = RING_SIZE;
  const slots = turns(members, version);
  for (let round = 0; ; round++) {
    for (const [i, preference] of preferences.entries()) {
      for (let count = slots(i, round); count > 0; count--) {
        const slot = preference.next(taken);
        taken[slot] = 1;
        ring[slot] = members[i]!.number;
        if (--left === 0) return ring;
      }
    }
  }
}
