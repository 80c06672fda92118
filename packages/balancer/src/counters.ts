/** What the program counts, summed over CPUs. */
import {
  type Counters,
  offsetsCounters,
  offsetsCpu,
  offsetsTraffic,
  sizeofTraffic,
} from './generated/balancer.js';

export type { Counters } from './generated/balancer.js';

export interface Traffic {
  readonly packets: number;
  /** Of the packets that were forwarded, without Ethernet and outer headers. */
  readonly bytes: number;
}

/** Counters up to 2^53 in the elements of `cpus`, which the program writes to meanwhile. */
export class CpuCounters {
  readonly #cpus: readonly DataView[];

  constructor(cpus: readonly DataView[]) {
    this.#cpus = cpus;
  }

  totals(): Counters {
    const sums = Object.entries(offsetsCounters).map(([name, offset]) => [
      name,
      this.#sum(offsetsCpu.counters + offset),
    ]);
    return Object.fromEntries(sums) as Counters;
  }

  vip(number: number): Traffic {
    return this.#traffic(offsetsCpu.vips + number * sizeofTraffic);
  }

  real(number: number): Traffic {
    return this.#traffic(offsetsCpu.reals + number * sizeofTraffic);
  }

  clearVip(number: number): void {
    this.#clear(offsetsCpu.vips + number * sizeofTraffic);
  }

  clearReal(number: number): void {
    this.#clear(offsetsCpu.reals + number * sizeofTraffic);
  }

  #traffic(offset: number): Traffic {
    return {
      packets: this.#sum(offset + offsetsTraffic.packets),
      bytes: this.#sum(offset + offsetsTraffic.bytes),
    };
  }

  #sum(offset: number): number {
    return Number(this.#cpus.reduce((sum, cpu) => sum + cpu.getBigUint64(offset, true), 0n));
  }

  #clear(offset: number): void {
    for (const cpu of this.#cpus) {
      cpu.setBigUint64(offset + offsetsTraffic.packets, 0n, true);
      cpu.setBigUint64(offset + offsetsTraffic.bytes, 0n, true);
    }
  }
}
