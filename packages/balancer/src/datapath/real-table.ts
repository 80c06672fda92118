/** A table of the program with handles of reals, each of which it holds in the registry. */
import { Limit } from '../generated/balancer.js';
import { encodeNumber } from './encode.js';
import type { HandleTable } from './handle-table.js';
import type { KnownReal, RealRegistry } from './real-registry.js';

/** The bits of a handle that are the real's number. */
const numberMask = 2 ** Limit.REAL_NUMBER_BITS - 1;

export class RealTable {
  readonly #map: HandleTable;
  readonly #reals: RealRegistry;
  readonly #entries = new Map<string, { readonly key: Uint8Array; readonly real: KnownReal }>();
  readonly #onHeld: () => void;

  /** @param onHeld Called when a real is held, before packets can be sent to it. */
  constructor(map: HandleTable, reals: RealRegistry, onHeld: () => void) {
    this.#map = map;
    this.#reals = reals;
    this.#onHeld = onHeld;
  }

  /** Keys with the addresses of their reals, and the reals' ports where these are not the service's. */
  all(): { key: Uint8Array; address: string; port?: number }[] {
    return [...this.#entries.values()].map(({ key, real: { address, port } }) => ({
      key,
      address,
      ...(port !== 0 && { port }),
    }));
  }

  /** Holds the reals of a table that an earlier process filled, and copies its entries if it is another table. */
  restore(table: HandleTable): void {
    for (const [key, handle] of [...table.entries()]) {
      const word = new DataView(handle.buffer, handle.byteOffset).getUint32(0, true);
      const known = this.#reals.byNumber(word & numberMask);
      if (known === undefined || known.handle !== word) continue;
      const real = this.#reals.hold(known.address, undefined, known.port);
      this.#entries.set(key.join(' '), { key, real });
      if (table !== this.#map) this.#map.update(key, handle);
    }
  }

  /** Sets an entry; without an address, removes it. @throws OptionError */
  set(key: Uint8Array, address: string | undefined, port = 0): void {
    const text = key.join(' ');
    const before = this.#entries.get(text);
    if (address === undefined) {
      this.#map.delete(key);
      this.#entries.delete(text);
    } else {
      const real = this.#reals.hold(address, undefined, port);
      try {
        this.#onHeld();
        this.#map.update(key, encodeNumber(real.handle));
      } catch (error) {
        this.#reals.release(real);
        throw error;
      }
      this.#entries.set(text, { key, real });
    }
    if (before !== undefined) this.#reals.release(before.real);
  }
}
