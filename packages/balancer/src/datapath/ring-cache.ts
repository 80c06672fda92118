/** The last rings that were built: services of the same reals, such as two ports of the same servers, have the same ring. */
import { buildRing, type RingMember, type RingVersion } from './ring.js';

/** A ring takes 128 KiB here. */
const KEPT = 16;

export class RingCache {
  readonly #rings = new Map<string, Uint16Array>();

  /**
   * Returns what {@link buildRing} does. Nobody may change it, and later calls may put another ring into its memory.
   *
   * @throws OptionError for an invalid weight.
   */
  get(members: readonly RingMember[], version: RingVersion | undefined): Uint16Array {
    const parts = members.map(({ number, seed, weight }) => `${number} ${seed} ${weight}`);
    const key = [version, ...parts].join('/');
    const ring = this.#rings.get(key) ?? buildRing(members, version, this.#memory());
    // The one that was asked for last is removed last.
    this.#rings.delete(key);
    this.#rings.set(key, ring);
    return ring;
  }

  /** That of the ring which was asked for least recently, once there are enough of them. */
  #memory(): Uint16Array | undefined {
    if (this.#rings.size < KEPT) return undefined;
    const [oldest] = this.#rings;
    this.#rings.delete(oldest![0]);
    return oldest![1];
  }
}
