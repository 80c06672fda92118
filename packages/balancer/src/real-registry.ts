/** Numbers of reals: who has which, and which are free. */
import type { ArrayMap } from '@weir/ebpf';
import { canonicalAddress, keyAddress } from './address.js';
import { encode } from './encode.js';
import { RealFlag, sizeofReal, writeReal } from './generated/balancer.js';
import { addressSeed } from './hash/seed.js';

/** A real that somebody refers to. */
export interface KnownReal {
  readonly address: string;
  readonly number: number;
  /** What tables of the program call it. */
  readonly name: number;
  readonly seed: bigint;
  readonly ipv6: boolean;
  readonly local: boolean;
}

const GENERATIONS = 2 ** 16;
const NUMBER_BITS = 14;

/**
 * Gives numbers away and takes them back. A number that comes free waits until all others were used, and then gets
 * another generation, so that a table's old entry never means its new owner.
 */
export class RealRegistry {
  readonly #map: ArrayMap;
  readonly #onNumber: (number: number) => void;
  readonly #known = new Map<string, { real: KnownReal; holders: number }>();
  readonly #free: number[] = [];
  #unused = 1;
  readonly #generations: Uint16Array;

  /** @param onNumber is called before a number is given away. */
  constructor(map: ArrayMap, onNumber: (number: number) => void) {
    this.#map = map;
    this.#onNumber = onNumber;
    this.#generations = new Uint16Array(map.maxEntries);
  }

  /**
   * The real of an address, for one more holder.
   *
   * @throws RangeError if all numbers are taken, or if it is held as local and asked for as remote, or the reverse.
   */
  hold(address: string, local?: boolean): KnownReal {
    const key = canonicalAddress(address);
    let entry = this.#known.get(key);
    if (entry === undefined) {
      entry = { real: this.#create(address, local ?? false), holders: 0 };
      this.#known.set(key, entry);
    }
    if (local !== undefined && entry.real.local !== local) {
      throw new RangeError(`real ${address} is ${local ? 'not local' : 'local'} elsewhere`);
    }
    entry.holders++;
    return entry.real;
  }

  /** The real of an address; `undefined` if nobody holds it. */
  find(address: string): KnownReal | undefined {
    return this.#known.get(canonicalAddress(address))?.real;
  }

  release(real: KnownReal): void {
    const key = canonicalAddress(real.address);
    const entry = this.#known.get(key)!;
    if (--entry.holders > 0) return;
    this.#known.delete(key);
    // What tables still say of this number is void from now on.
    this.#generations[real.number]!++;
    this.#write(real, this.#generations[real.number]!);
    this.#free.push(real.number);
  }

  all(): KnownReal[] {
    return [...this.#known.values()].map(({ real }) => real);
  }

  byNumber(number: number): KnownReal | undefined {
    return this.all().find((real) => real.number === number);
  }

  #create(address: string, local: boolean): KnownReal {
    const { ipv6 } = keyAddress(address);
    const number = this.#takeNumber();
    const generation = this.#generations[number]!;
    const name = number + (generation % GENERATIONS) * 2 ** NUMBER_BITS;
    const real = { address, number, name, seed: addressSeed(address), ipv6, local };
    this.#onNumber(number);
    this.#write(real, generation);
    return real;
  }

  #takeNumber(): number {
    if (this.#unused < this.#map.maxEntries) return this.#unused++;
    const number = this.#free.shift();
    if (number !== undefined) return number;
    throw new RangeError(`more than ${this.#map.maxEntries - 1} reals`);
  }

  #write(real: KnownReal, generation: number): void {
    const { words, ipv6 } = keyAddress(real.address);
    const flags = (ipv6 ? RealFlag.REAL_IPV6 : 0) | (real.local ? RealFlag.REAL_LOCAL : 0);
    this.#map.set(
      real.number,
      encode(sizeofReal, writeReal, { address: words, generation, reserved: 0, flags: flags as RealFlag }),
    );
  }
}
