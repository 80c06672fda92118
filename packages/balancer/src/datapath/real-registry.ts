/** The registry of reals and their numbers. */

import type { ArrayMap } from '@weir/ebpf';
import { OptionError } from '@weir/ebpf';
import { keyAddress, wirePort } from '../address.js';
import { Limit, RealFlag, sizeofReal, writeReal } from '../generated/balancer.js';
import type { SavedReals } from '../lifecycle/state.js';
import { realKey } from '../service.js';
import { encode } from './encode.js';
import { addressSeed } from './hash/seed.js';

/** A real that is in use. */
export interface KnownReal {
  readonly address: string;
  /** The port of a real behind translation; 0 for the service's. */
  readonly port: number;
  readonly number: number;
  /** The number with its generation, by which tables of the program refer to the real. */
  readonly handle: number;
  readonly seed: bigint;
  readonly ipv6: boolean;
  readonly local: boolean;
}

const GENERATIONS = 2 ** Limit.REAL_GENERATION_BITS;

/**
 * Assigns numbers and releases them. A released number waits until all others were used, and then gets another
 * generation, so that an old entry of a table never refers to its new owner.
 */
export class RealRegistry {
  readonly #map: ArrayMap;
  readonly #onNumber: (number: number) => void;
  readonly #known = new Map<string, { real: KnownReal; holders: number }>();
  readonly #byNumber: (KnownReal | undefined)[] = [];
  readonly #free: number[] = [];
  #unused = 1;
  readonly #generations: Uint16Array;
  #changed = false;

  /** @param onNumber Called before a number is assigned. */
  constructor(map: ArrayMap, onNumber: (number: number) => void) {
    this.#map = map;
    this.#onNumber = onNumber;
    this.#generations = new Uint16Array(map.maxEntries);
  }

  /**
   * Holds a real for one more user, and assigns a number at the first use.
   *
   * @param port The real's port, where it is not the service's.
   * @throws OptionError if all numbers are in use, or if the real is local for one user and remote for another.
   */
  hold(address: string, local?: boolean, port = 0): KnownReal {
    const key = realKey({ address, port });
    let entry = this.#known.get(key);
    if (entry === undefined) {
      entry = { real: this.#create(address, port, local ?? false), holders: 0 };
      this.#enter(key, entry);
    }
    if (local !== undefined && entry.real.local !== local) {
      throw new OptionError(`real ${address} is ${local ? 'not local' : 'local'} in another service`);
    }
    entry.holders++;
    return entry.real;
  }

  /** The real with an address; undefined if it is not in use. */
  find(address: string, port = 0): KnownReal | undefined {
    return this.#known.get(realKey({ address, port }))?.real;
  }

  release(real: KnownReal): void {
    const key = realKey(real);
    const entry = this.#known.get(key)!;
    if (--entry.holders <= 0) this.#forget(key, real);
  }

  all(): KnownReal[] {
    return [...this.#known.values()].map(({ real }) => real);
  }

  byNumber(number: number): KnownReal | undefined {
    return this.#byNumber[number];
  }

  /** Whether numbers were assigned or released since the last call. */
  takeChanged(): boolean {
    const changed = this.#changed;
    this.#changed = false;
    return changed;
  }

  save(): SavedReals {
    return {
      unused: this.#unused,
      free: this.#free,
      generations: Array.from(this.#generations.subarray(0, this.#unused)),
      held: this.all().map(({ number, address, port, local }) => ({ number, address, port, local })),
    };
  }

  /**
   * Restores an earlier process's registry. The reals have no users at first: once these hold them again,
   * {@link releaseUnheld} must be called.
   *
   * @param fill Whether the map is new and must be filled.
   */
  restore(saved: SavedReals, fill: boolean): void {
    const { maxEntries } = this.#map;
    this.#unused = Math.min(saved.unused, maxEntries);
    this.#free.push(...saved.free.filter((number) => number < maxEntries));
    this.#generations.set(saved.generations.slice(0, maxEntries));
    for (const { number, address, port = 0, local } of saved.held) {
      const real = this.#describe(number, address, port, local);
      this.#enter(realKey({ address, port }), { real, holders: 0 });
      if (fill) this.#write(real, this.#generations[number]!);
    }
  }

  /** Releases the numbers of reals without users. */
  releaseUnheld(): void {
    for (const [key, { real, holders }] of [...this.#known]) {
      if (holders === 0) this.#forget(key, real);
    }
  }

  #create(address: string, port: number, local: boolean): KnownReal {
    const real = this.#describe(this.#takeNumber(), address, port, local);
    this.#onNumber(real.number);
    this.#write(real, this.#generations[real.number]!);
    return real;
  }

  #describe(number: number, address: string, port: number, local: boolean): KnownReal {
    const { ipv6 } = keyAddress(address);
    const handle = number + (this.#generations[number]! % GENERATIONS) * 2 ** Limit.REAL_NUMBER_BITS;
    return { address, port, number, handle, seed: addressSeed(address, port), ipv6, local };
  }

  #enter(key: string, entry: { real: KnownReal; holders: number }): void {
    this.#known.set(key, entry);
    this.#byNumber[entry.real.number] = entry.real;
    this.#changed = true;
  }

  #forget(key: string, real: KnownReal): void {
    this.#known.delete(key);
    this.#byNumber[real.number] = undefined;
    // Entries of tables that still have this number become invalid.
    this.#generations[real.number]!++;
    this.#write(real, this.#generations[real.number]!);
    this.#free.push(real.number);
    this.#changed = true;
  }

  #takeNumber(): number {
    if (this.#unused < this.#map.maxEntries) return this.#unused++;
    const number = this.#free.shift();
    if (number !== undefined) return number;
    throw new OptionError(`there are more than ${this.#map.maxEntries - 1} reals: increase maxReals`);
  }

  #write(real: KnownReal, generation: number): void {
    const { words, ipv6 } = keyAddress(real.address);
    const flags = (ipv6 ? RealFlag.REAL_IPV6 : 0) | (real.local ? RealFlag.REAL_LOCAL : 0);
    this.#map.set(
      real.number,
      encode(sizeofReal, writeReal, {
        address: words,
        generation: generation % GENERATIONS,
        port: wirePort(real.port),
        flags: flags as RealFlag,
      }),
    );
  }
}
