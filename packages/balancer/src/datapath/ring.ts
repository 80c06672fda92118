/** Maglev rings: which real each of 65537 slots belongs to. The same reals give the same ring on every balancer. */
import { OptionError } from '@weir/ebpf';
import { RING_SIZE } from './hash/flow.js';
import { murmur3Pair } from './hash/murmur3.js';

/** A real as rings see it. */
export interface RingMember {
  /** What the slots hold: 1 to 65535. */
  readonly number: number;
  /** See `addressSeed`. */
  readonly seed: bigint;
  /** A whole number; of twice the weight, twice the slots. With 0 a real gets none. */
  readonly weight: number;
}

/**
 * In whose turn slots are taken. 2: every turn in proportion to the weights. 1: in the first round each real takes as
 * many slots as its weight says, afterwards one a round, so that weights hardly matter.
 */
export type RingVersion = 1 | 2;

/** What an empty ring's slots hold. */
export const NO_REAL = 0;

/** A real's own order of all slots: a start and a step, since the ring's size is prime. */
class Preference {
  readonly #skip: number;
  #position: number;

  constructor(seed: bigint) {
    this.#position = Number(murmur3Pair(seed, 42n, 0n) % BigInt(RING_SIZE));
    this.#skip = Number(murmur3Pair(seed, 2718281828n, 2307n) % BigInt(RING_SIZE - 1)) + 1;
  }

  /** The next slot that is not taken. The position wraps at 32 bits, as it does on the balancers next to this one. */
  next(taken: Uint8Array): number {
    for (;;) {
      const slot = this.#position % RING_SIZE;
      this.#position = (this.#position + this.#skip) >>> 0;
      if (taken[slot] === 0) return slot;
    }
  }
}

/** Says how many slots each member takes when its turn comes, round by round. */
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

/**
 * Builds a ring of real numbers.
 *
 * @throws OptionError for a weight that is no whole number from 0 to 2^31.
 */
export function buildRing(reals: readonly RingMember[], version: RingVersion = 2): Uint16Array {
  for (const { weight } of reals) {
    if (!Number.isInteger(weight) || weight < 0 || weight > 2 ** 31) {
      throw new OptionError(`weight ${weight}: expected a whole number from 0 to 2147483648`);
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
