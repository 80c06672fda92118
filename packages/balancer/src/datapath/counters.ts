/** Counters of the program, summed over CPUs. */
import type { ArrayMap } from '@weir/ebpf';
import {
  type Counters,
  offsetsCounters,
  offsetsCpu,
  offsetsTraffic,
  sizeofCpu,
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

/** Counters in the elements of `cpus`, to which the program writes at the same time; exact up to 2^53. */
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
