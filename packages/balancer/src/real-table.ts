/** A table of the program whose values are reals, each of which it holds. */
import { encodeNumber } from './encode.js';
import type { KnownReal, RealRegistry } from './real-registry.js';

/** Names of reals by key. A map of the kernel is one. */
export interface NameTable {
  update(key: Uint8Array, name: Uint8Array): void;
  delete(key: Uint8Array): boolean;
}

export class RealTable {
  readonly #map: NameTable;
  readonly #reals: RealRegistry;
  readonly #entries = new Map<string, KnownReal>();

  constructor(map: NameTable, reals: RealRegistry) {
    this.#map = map;
    this.#reals = reals;
  }

  /** Sets an entry, or removes it without an address. @throws RangeError, EbpfError */
  set(key: Uint8Array, address: string | undefined): void {
    const text = key.join(' ');
    const before = this.#entries.get(text);
    if (address === undefined) {
      this.#map.delete(key);
      this.#entries.delete(text);
    } else {
      const real = this.#reals.hold(address);
      try {
        this.#map.update(key, encodeNumber(real.name));
      } catch (error) {
        this.#reals.release(real);
        throw error;
      }
      this.#entries.set(text, real);
    }
    if (before !== undefined) this.#reals.release(before);
  }
}
