/** Counters of the program, summed over CPUs. */
import type { ArrayMap } from '@weir/ebpf';
import {
  type Counters,
  offsetsCounters,
  offsetsCpu,
  offsetsMisses,
  offsetsTraffic,
  sizeofCpu,
  sizeofMisses,
  sizeofTraffic,
} from '../generated/balancer.js';

/** Offsets of the counters in a CPU's element, in bytes, for another version that reads it. */
export interface CounterLayout {
  readonly size: number;
  readonly totals: Readonly<Record<string, number>>;
  readonly vips: number;
  readonly reals: number;
}

export const counterLayout: CounterLayout = {
  size: sizeofCpu,
  totals: Object.fromEntries(
    Object.entries(offsetsCounters).map(([name, offset]) => [name, offsetsCpu.counters + offset]),
  ),
  vips: offsetsCpu.vips,
  reals: offsetsCpu.reals,
};

export type { Counters } from '../generated/balancer.js';

/** Packets and bytes that were forwarded since the start. */
export interface Traffic {
  readonly packets: number;
  /** Bytes of the packets, without Ethernet and outer headers. */
  readonly bytes: number;
}

/** Packets whose flow was unknown, since the start. */
export interface Misses {
  /** SYNs, which begin flows. */
  readonly syn: number;
  /** All others: the first packets of UDP flows, and packets of TCP flows that began elsewhere or were forgotten. */
  readonly other: number;
}

/** The counters of one CPU. */
export interface CpuStatus {
  readonly cpu: number;
  readonly counters: Counters;
}

/** Counters in the elements of `cpus`, to which the program writes at the same time; exact up to 2^53. */
export class CpuCounters {
  readonly #cpus: readonly DataView[];

  constructor(cpus: readonly DataView[]) {
    this.#cpus = cpus;
  }

  totals(): Counters {
    return countersOf((offset) => this.#sum(offset));
  }

  /** The counters of each CPU that has seen a packet. */
  byCpu(): CpuStatus[] {
    return this.#cpus
      .map((view, cpu) => ({
        cpu,
        counters: countersOf((offset) => Number(view.getBigUint64(offset, true))),
      }))
      .filter(({ counters }) => counters.packets > 0);
  }

  vipMisses(number: number): Misses {
    return this.#misses(offsetsCpu.vipMisses + number * sizeofMisses);
  }

  realMisses(number: number): Misses {
    return this.#misses(offsetsCpu.realMisses + number * sizeofMisses);
  }

  vip(number: number): Traffic {
    return this.#traffic(offsetsCpu.vips + number * sizeofTraffic);
  }

  real(number: number): Traffic {
    return this.#traffic(offsetsCpu.reals + number * sizeofTraffic);
  }

  clearVip(number: number): void {
    this.#clear(offsetsCpu.vips + number * sizeofTraffic);
    this.#clear(offsetsCpu.vipMisses + number * sizeofMisses);
  }

  clearReal(number: number): void {
    this.#clear(offsetsCpu.reals + number * sizeofTraffic);
    this.#clear(offsetsCpu.realMisses + number * sizeofMisses);
  }

  /** Copies the counters of another version of the program. */
  copyFrom(cpus: readonly DataView[], layout: CounterLayout): void {
    for (const [i, from] of cpus.entries()) {
      const to = this.#cpus[i];
      if (to === undefined) continue;
      for (const [name, offset] of Object.entries(counterLayout.totals)) {
        const old = layout.totals[name];
        if (old !== undefined) to.setBigUint64(offset, from.getBigUint64(old, true), true);
      }
      const { vips, reals, size } = counterLayout;
      copyBytes(from, layout.vips, layout.reals, to, vips, reals);
      copyBytes(from, layout.reals, layout.size, to, reals, size);
    }
  }

  #traffic(offset: number): Traffic {
    return {
      packets: this.#sum(offset + offsetsTraffic.packets),
      bytes: this.#sum(offset + offsetsTraffic.bytes),
    };
  }

  #misses(offset: number): Misses {
    return { syn: this.#sum(offset + offsetsMisses.syn), other: this.#sum(offset + offsetsMisses.other) };
  }

  #sum(offset: number): number {
    return Number(this.#cpus.reduce((sum, cpu) => sum + cpu.getBigUint64(offset, true), 0n));
  }

  /** Clears a pair of counters. */
  #clear(offset: number): void {
    for (const cpu of this.#cpus) {
      cpu.setBigUint64(offset, 0n, true);
      cpu.setBigUint64(offset + 8, 0n, true);
    }
  }
}

function countersOf(read: (offset: number) => number): Counters {
  const values = Object.entries(offsetsCounters).map(([name, offset]) => [
    name,
    read(offsetsCpu.counters + offset),
  ]);
  return Object.fromEntries(values) as Counters;
}

/** Copies the bytes between two offsets, as far as there is room. */
function copyBytes(
  from: DataView,
  start: number,
  end: number,
  to: DataView,
  toStart: number,
  toEnd: number,
): void {
  const length = Math.min(end - start, toEnd - toStart);
  const source = new Uint8Array(from.buffer, from.byteOffset + start, length);
  new Uint8Array(to.buffer, to.byteOffset + toStart, length).set(source);
}

/** Maps the memory of `cpus`, with one view for each element. */
export function cpuViews(map: ArrayMap, count: number, size: number): DataView[] {
  const memory = map.memory(true);
  return Array.from(
    { length: count },
    (_, cpu) => new DataView(memory.buffer, memory.byteOffset + cpu * map.stride, size),
  );
}
