/** The program's record of a service: flags, members and ring. */
import { offsetsVip } from '../generated/balancer.js';
import { flagsOf, type ServiceSpec } from '../service.js';
import type { KnownReal } from './real-registry.js';
import type { RingInputs } from './rings/ring.js';
import type { RingCache } from './rings/ring-cache.js';

/**
 * Incremented when the same service gets another record than before. Pinned records of the same format are not made again,
 * as a ring takes milliseconds.
 */
export const recordFormat = 1;

/** A real in a service. */
export interface Member {
  readonly real: KnownReal;
  readonly weight: number;
  readonly down: boolean;
}

/**
 * Encodes the record.
 *
 * @param record Its memory, with any content.
 * @throws OptionError for an invalid weight.
 */
export function writeVipRecord(
  record: Uint8Array,
  spec: ServiceSpec,
  members: readonly Member[],
  rings: RingCache,
): void {
  const view = new DataView(record.buffer, record.byteOffset);
  record.fill(0, 0, offsetsVip.ring);
  view.setUint32(offsetsVip.flags, flagsOf(spec), true);
  for (const { real, down } of members) {
    setBit(record, offsetsVip.members, real.number);
    if (down) setBit(record, offsetsVip.down, real.number);
  }
  const ring = rings.get(ringInputs(spec, members));
  record.set(new Uint8Array(ring.buffer, ring.byteOffset, ring.byteLength), offsetsVip.ring);
}

/** What decides the service's ring. */
export function ringInputs({ ringVersion }: ServiceSpec, members: readonly Member[]): RingInputs {
  return {
    members: members.map(({ real: { number, seed }, weight }) => ({ number, seed, weight })),
    version: ringVersion,
  };
}

/** A service's members and, where all have weight 0, their weights in the ring that stays. */
export interface WeightedMembers {
  readonly members: readonly Member[];
  readonly kept: readonly number[] | undefined;
}

/**
 * The members' weights in the ring that stays when all have weight 0: those of before, without reals that have left the
 * service. Undefined where a member has a weight, or nobody of the last ring is left.
 */
export function keptWeights(
  before: WeightedMembers | undefined,
  members: readonly Member[],
): readonly number[] | undefined {
  if (before === undefined || members.some(({ weight }) => weight > 0)) return undefined;
  const last = new Map(
    before.members.map(({ real, weight }, i) => [real.number, before.kept?.[i] ?? weight]),
  );
  const weights = members.map(({ real }) => last.get(real.number) ?? 0);
  return weights.some((weight) => weight > 0) ? weights : undefined;
}

/** Sets a bit of little-endian words, whose bits lie in the order of their bytes. */
function setBit(record: Uint8Array, offset: number, number: number): void {
  record[offset + (number >> 3)]! |= 1 << (number & 7);
}
