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

/** Positions wrap at 32 bits, as on the balancers that this one stands beside. */
const POSITIONS = 2 ** 32;
/** 2^16 is -1 modulo the ring's size, so 2^32 is 1: where a position wraps, its slot is one less. */
const WRAP = 1;
/** So many slots, over all members, are cheaper to sort than to step to. */
const SORTED_SLOTS = 1024;

/**
 * Each member's own order of all slots: a start and a step, which reach every slot since the ring's size is prime. A slot is
 * its position modulo the ring's size, followed without dividing.
 */
class Orders {
  readonly #skips: Int32Array;
  readonly #slots: Int32Array;
  /** How far each position is from its wrap. */
  readonly #rooms: Float64Array;

  constructor(members: readonly RingMember[]) {
    this.#slots = Int32Array.from(members, ({ seed }) =>
      Number(murmur3Pair(seed, 42n, 0n) % BigInt(RING_SIZE)),
    );
    this.#skips = Int32Array.from(
      members,
      ({ seed }) => Number(murmur3Pair(seed, 2718281828n, 2307n) % BigInt(RING_SIZE - 1)) + 1,
    );
    this.#rooms = Float64Array.from(this.#slots, (slot) => POSITIONS - slot);
  }

  /** A member's next free slot. */
  next(member: number, taken: Uint8Array): number {
    const skip = this.#skips[member]!;
    let slot = this.#slots[member]!;
    let room = this.#rooms[member]!;
    let found: number;
    do {
      found = slot;
      slot += skip;
      if (slot >= RING_SIZE) slot -= RING_SIZE;
      room -= skip;
      if (room <= 0) {
        room += POSITIONS;
        slot = slot < WRAP ? slot - WRAP + RING_SIZE : slot - WRAP;
      }
    } while (taken[found] !== 0);
    this.#slots[member] = slot;
    this.#rooms[member] = room;
    return found;
  }

  /** Some slots in the order in which a member comes to them. */
  sort(member: number, slots: readonly number[]): Int32Array {
    const inverse = inverseOf(this.#skips[member]!);
    // As one number, which sorts faster than pairs.
    const keys = Float64Array.from(
      slots,
      (slot) => this.#stepsTo(member, slot, inverse) * RING_SIZE + slot,
    ).sort();
    return Int32Array.from(keys, (key) => key % RING_SIZE);
  }

  /** How many steps it takes a member to a slot. */
  #stepsTo(member: number, target: number, inverse: number): number {
    const skip = this.#skips[member]!;
    let slot = this.#slots[member]!;
    let room = this.#rooms[member]!;
    for (let before = 0; ; ) {
      const steps = (((target - slot + RING_SIZE) % RING_SIZE) * inverse) % RING_SIZE;
      const untilWrap = Math.ceil(room / skip);
      if (steps < untilWrap) return before + steps;
      before += untilWrap;
      slot = (slot + untilWrap * skip - WRAP) % RING_SIZE;
      room += POSITIONS - untilWrap * skip;
    }
  }
}

/** The number with which a step's product is 1 modulo the ring's size: that step to the power of the size less 2. */
function inverseOf(step: number): number {
  let inverse = 1;
  for (let power = step, exponent = RING_SIZE - 2; exponent > 0; exponent >>= 1) {
    if (exponent & 1) inverse = (inverse * power) % RING_SIZE;
    power = (power * power) % RING_SIZE;
  }
  return inverse;
}

/**
 * The order in which members come to the last slots. To step to them would take most of the time, since nearly all others
 * are taken then: half of all steps lead to the last 256.
 */
class LastSlots {
  readonly #orders: readonly Int32Array[];
  readonly #next: Int32Array;

  constructor(members: number, orders: Orders, taken: Uint8Array) {
    const free: number[] = [];
    for (let slot = taken.indexOf(0); slot >= 0; slot = taken.indexOf(0, slot + 1)) free.push(slot);
    this.#orders = Array.from({ length: members }, (_, member) => orders.sort(member, free));
    this.#next = new Int32Array(members);
  }

  /** A member's next free slot. */
  next(member: number, taken: Uint8Array): number {
    const order = this.#orders[member]!;
    let next = this.#next[member]!;
    while (taken[order[next]!] !== 0) next++;
    this.#next[member] = next + 1;
    return order[next]!;
  }
}

/** Returns the number of slots that a member takes in its turn of a round. */
type Turns = (member: number, round: number) => number;

function turns(members: readonly RingMember[], version: RingVersion): Turns {
  const weights = Float64Array.from(members, ({ weight }) => weight);
  if (version === 1) return (member, round) => (round === 0 ? weights[member]! : 1);
  const largest = Math.max(...weights);
  if (weights.every((weight) => weight === largest)) return () => 1;
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
  const numbers = Uint16Array.from(members, ({ number }) => number);
  const orders = new Orders(members);
  const sorted = Math.ceil(SORTED_SLOTS / members.length);
  let last: LastSlots | undefined;
  let left = RING_SIZE;
  const slots = turns(members, version);
  for (let round = 0; ; round++) {
    for (let i = 0; i < numbers.length; i++) {
      for (let count = slots(i, round); count > 0; count--) {
        if (left === sorted) last = new LastSlots(members.length, orders, taken);
        const slot = last === undefined ? orders.next(i, taken) : last.next(i, taken);
        taken[slot] = 1;
        ring[slot] = numbers[i]!;
        if (--left === 0) return ring;
      }
    }
  }
}
