/** The last rings that were built: services of the same reals, such as two ports of the same servers, have the same ring. */
import { buildRing, type RingMember, type RingVersion } from './ring.js';

/** A ring takes 128 KiB here. */
const KEPT = 16;

export class RingCache {
  readonly #rings = new Map<string, Uint16Array>();

  /** Returns what {@link buildRing} does; nobody may change it. @throws OptionError for an invalid weight. */
  get(members: readonly RingMember[], version: RingVersion | undefined): Uint16Array {
    const parts = members.map(({ number, seed, weight }) => `${number} ${seed} ${weight}`);
    const key = [version, ...parts].join('/');
    const ring = this.#rings.get(key) ?? buildRing(members, version);
    // The one that was asked for last is removed last.
    this.#rings.delete(key);
    this.#rings.set(key, ring);
    if (this.#rings.size > KEPT) this.#rings.delete(this.#rings.keys().next().value!);
    return ring;
  }
}
