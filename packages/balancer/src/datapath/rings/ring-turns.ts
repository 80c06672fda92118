/** The order in which the members of a ring take slots. */
import { RING_SIZE } from '../hash/flow.js';

/**
 * How weights count. 2: reals take slots in proportion to their weights in every round. 1: in the first round each real
 * takes as many slots as its weight, afterwards one a round, so that weights hardly matter.
 */
export type RingVersion = 1 | 2;

/**
 * The members in the order of their turns, each of which takes one slot. After the last one comes the first again.
 *
 * @param weights Whole numbers above 0.
 */
export function turnsOf(weights: Float64Array, version: RingVersion): Uint16Array {
  return version === 1 ? turnsAfterWeights(weights) : turnsByWeight(weights);
}

/** All turns of a ring: the first round is unlike the others. */
function turnsAfterWeights(weights: Float64Array): Uint16Array {
  const turns = new Uint16Array(RING_SIZE);
  let turn = 0;
  for (let member = 0; member < weights.length; member++) {
    for (let left = weights[member]!; left > 0 && turn < RING_SIZE; left--) turns[turn++] = member;
  }
  for (let member = 0; turn < RING_SIZE; member = (member + 1) % weights.length) turns[turn++] = member;
  return turns;
}

/** The turns until nobody has a credit left, as at the beginning; a ring's number of turns if there are more. */
function turnsByWeight(weights: Float64Array): Uint16Array {
  const period = weights.reduce((sum, weight) => sum + weight) / weights.reduce(greatestDivisor);
  const turns = new Uint16Array(Math.min(RING_SIZE, period));
  const largest = weights.reduce((one, other) => Math.max(one, other));
  const credits = new Float64Array(weights.length);
  for (let turn = 0; turn < turns.length; ) {
    for (let member = 0; member < weights.length && turn < turns.length; member++) {
      const credit = credits[member]! + weights[member]!;
      if (credit >= largest) turns[turn++] = member;
      credits[member] = credit >= largest ? credit - largest : credit;
    }
  }
  return turns;
}

/** The greatest number that divides both. */
function greatestDivisor(one: number, other: number): number {
  return other === 0 ? one : greatestDivisor(other, one % other);
}
