/** The order in which each member of a ring comes to its slots. */
import { RING_SIZE } from '../hash/flow.js';
import { murmur3Pair } from '../hash/murmur3.js';

const WORD_BITS = 32;
const WORDS = Math.ceil(RING_SIZE / WORD_BITS);
/** The ring's size is 2^16 + 1. */
const MINUS_ONE = RING_SIZE - 1;

/** A number from -RING_SIZE to RING_SIZE - 1, modulo the ring's size. Without a branch, which would be predicted wrongly. */
function wrapped(number: number): number {
  return number + (RING_SIZE & (number >> 31));
}

/** A product modulo the ring's size, of two numbers below that. 2^16 is -1, so that nothing is divided. */
export function multiply(a: number, b: number): number {
  if (a === MINUS_ONE) return wrapped(-b);
  if (b === MINUS_ONE) return wrapped(-a);
  const product = Math.imul(a, b);
  return wrapped((product & 0xffff) - (product >>> 16));
}

/** The number with which a step's product is 1 modulo the ring's size: that step to the power of the size less 2. */
function inverseOf(step: number): number {
  let inverse = 1;
  for (let power = step, exponent = RING_SIZE - 2; exponent > 0; exponent >>= 1) {
    if (exponent & 1) inverse = multiply(inverse, power);
    power = multiply(power, power);
  }
  return inverse;
}

/**
 * Each member's own order of all slots: a start and a step, which reach every slot since the ring's size is prime.
 * Positions are numbers of 32 bits, as on the balancers that this one stands beside, but none of a member's first 65535
 * wraps.
 */
export interface Orders {
  readonly starts: Int32Array;
  readonly skips: Int32Array;
}

/** The orders of members with these seeds. */
export function ordersOf(seeds: readonly bigint[]): Orders {
  const hashes = (word: bigint, seed: bigint, below: number) =>
    Int32Array.from(seeds, (each) => Number(murmur3Pair(each, word, seed) % BigInt(below)));
  return {
    starts: hashes(42n, 0n, RING_SIZE),
    skips: hashes(2718281828n, 2307n, RING_SIZE - 1).map((hash) => hash + 1),
  };
}

/** A ring in the making. */
export interface RingDraft {
  /** Members in the order of their turns; after the last comes the first again. */
  readonly turns: Uint16Array;
  /** Each member's number. */
  readonly numbers: Uint16Array;
  /** 1 for each slot that somebody has. */
  readonly occupied: Uint8Array;
  /** The number of the member that has the slot. */
  readonly ring: Uint16Array;
}

/** This share of the free slots is occupied while a member takes those that it found when it looked ahead. */
const TAKEN_MEANWHILE = 1 / 24;
const LEAST_AHEAD = 4;
/** Positions that are looked at side by side, since each depends on the one a stride before. */
const ABREAST = 4;

/**
 * Has members take the next free slots of their orders.
 *
 * Each member looks at many positions ahead and keeps those that are free. That loop has no branch that depends on the
 * slots: a wrong prediction takes longer than to look at ten of them.
 *
 * @param count Turns. At least three slots are free after the last: while they are, a member takes no slot behind a
 * position that wraps, as all slots before the one that it takes are occupied.
 */
export function takeSlots({ starts, skips }: Orders, draft: RingDraft, count: number): void {
  const { turns, numbers, occupied, ring } = draft;
  const members = starts.length;
  const ahead = ABREAST * Math.max(LEAST_AHEAD, Math.ceil((RING_SIZE * TAKEN_MEANWHILE) / members / ABREAST));
  const positions = starts.slice();
  const found = new Int32Array(members * ahead);
  const at = new Int32Array(members);
  const ends = new Int32Array(members);
  for (let taken = 0, turn = 0; taken < count; taken++) {
    const member = turns[turn]!;
    turn = turn + 1 < turns.length ? turn + 1 : 0;
    let i = at[member]!;
    let end = ends[member]!;
    let slot: number;
    do {
      while (i === end) {
        i = end = member * ahead;
        const skip = skips[member]!;
        let a = positions[member]!;
        let b = wrapped(a + skip - RING_SIZE);
        let c = wrapped(b + skip - RING_SIZE);
        let d = wrapped(c + skip - RING_SIZE);
        const stride = ((ABREAST * skip) % RING_SIZE) - RING_SIZE;
        for (let k = 0; k < ahead; k += ABREAST) {
          found[end] = a;
          end += 1 - occupied[a]!;
          found[end] = b;
          end += 1 - occupied[b]!;
          found[end] = c;
          end += 1 - occupied[c]!;
          found[end] = d;
          end += 1 - occupied[d]!;
          a = wrapped(a + stride);
          b = wrapped(b + stride);
          c = wrapped(c + stride);
          d = wrapped(d + stride);
        }
        positions[member] = a;
        ends[member] = end;
      }
      slot = found[i++]!;
    } while (occupied[slot] !== 0);
    at[member] = i;
    occupied[slot] = 1;
    ring[slot] = numbers[member]!;
  }
}

/**
 * The same for the last slots. To step to them would take most of the time, since nearly all others are occupied then.
 *
 * @param left As many turns as slots are free.
 */
export function takeLastSlots({ starts, skips }: Orders, draft: RingDraft, left: number): void {
  const { turns, numbers, occupied, ring } = draft;
  const free = new Int32Array(left);
  for (let i = 0, slot = -1; i < left; i++) {
    slot = occupied.indexOf(0, slot + 1);
    free[i] = slot;
  }
  const scratch = new Uint32Array(WORDS);
  const orders = Array.from(starts, (start, member) => {
    const order = new Int32Array(left);
    sortByStep(order, free, start, skips[member]!, scratch);
    return order;
  });
  const next = new Int32Array(orders.length);
  for (let taken = RING_SIZE - left; taken < RING_SIZE; taken++) {
    const member = turns[taken % turns.length]!;
    const order = orders[member]!;
    let at = next[member]!;
    while (occupied[order[at]!] !== 0) at++;
    next[member] = at + 1;
    occupied[order[at]!] = 1;
    ring[order[at]!] = numbers[member]!;
  }
}

/**
 * Puts slots in the order in which a member comes to them.
 *
 * @param steps 65537 bits, all 0 before and after.
 */
export function sortByStep(
  order: Int32Array,
  slots: Int32Array,
  start: number,
  skip: number,
  steps: Uint32Array,
): void {
  const inverse = inverseOf(skip);
  for (const slot of slots) {
    const step = multiply(wrapped(slot - start), inverse);
    steps[step >> 5]! |= 1 << (step & 31);
  }
  let count = 0;
  for (let word = 0; word < WORDS; word++) {
    let bits = steps[word]!;
    if (bits === 0) continue;
    steps[word] = 0;
    for (; bits !== 0; bits &= bits - 1) {
      const step = word * WORD_BITS + (31 - Math.clz32(bits & -bits));
      order[count++] = wrapped(start + multiply(step, skip) - RING_SIZE);
    }
  }
  // Elsewhere, only the position of the very last slot wraps, which stays the last one.
  const wrapsBefore = start === MINUS_ONE && skip === MINUS_ONE && order.at(-1) === 0 && order.at(-2) === 1;
  if (wrapsBefore) order.set([0, 1], count - 2);
}
