/** The kernel programs' own counts, summed over CPUs. */
import { ArrayMap, type BpfMap, EbpfError, PerCpuMap } from '@weir/ebpf';
import { possibleCpus } from '@weir/ebpf/sys';
import { readStatistics, sizeofStatistics } from '../generated/tcp.js';
import type { KernelEventName } from '../records/record.js';
import { eventNames } from './decode.js';
import type { CpuCounts } from './ring-losses.js';

export interface KernelCounts {
  /** UDP programs emit no events: user space reads their counts. */
  readonly produced: Record<KernelEventName, number>;
  /** What the programs of each CPU emitted. */
  readonly perCpu: readonly CpuCounts[];
  readonly lostMap: number;
  /** Changes of state for which the kernel ran no program. */
  readonly missed: number;
  /** Runs of the second program of the lifecycle in place of the first. */
  readonly fallbackRuns: number;
}

export function emptyCounts(): Record<KernelEventName, number> {
  return { connect: 0, accept: 0, close: 0, fail: 0, udp_flow: 0, fd_install: 0 };
}

/** Reads the counts of programs. */
export class ProgramCounts {
  readonly #map: BpfMap;
  readonly #cpus = possibleCpus();
  /** The counts of all CPUs, as they are at any time; undefined where the kernel cannot map them. */
  readonly #memory: Uint8Array | undefined;

  /** @param map Theirs. @throws SyscallError */
  constructor(map: BpfMap) {
    this.#map = map;
    this.#memory = map instanceof ArrayMap && map.mappable ? map.memory(false) : undefined;
  }

  /** @throws EbpfError for a map of another kind; SyscallError */
  read(): KernelCounts {
    return sumStatistics(this.#values(), this.#cpus);
  }

  #values(): Uint8Array[] {
    const map = this.#map;
    const memory = this.#memory;
    if (memory !== undefined)
      return this.#cpus.map((cpu) => memory.subarray(cpu * sizeofStatistics, (cpu + 1) * sizeofStatistics));
    if (map instanceof ArrayMap) return this.#cpus.map((cpu) => map.get(cpu));
    // Programs that an earlier version left.
    if (map instanceof PerCpuMap) return map.lookupValues(new Uint8Array(4)) ?? [];
    throw new EbpfError(`the map "${map.name}" is no array: the object does not belong to this version`);
  }
}

/**
 * @param values One struct statistics a CPU.
 * @param cpus The CPU of each.
 */
export function sumStatistics(values: readonly Uint8Array[], cpus: readonly number[]): KernelCounts {
  const produced = emptyCounts();
  const perCpu: CpuCounts[] = [];
  let lostMap = 0;
  let missed = 0;
  let fallbackRuns = 0;
  for (const [index, bytes] of values.entries()) {
    const own = readStatistics(new DataView(bytes.buffer, bytes.byteOffset, sizeofStatistics), 0);
    for (const [kind, name] of eventNames.entries()) produced[name] += own.produced[kind] ?? 0;
    perCpu.push({ cpu: cpus[index]!, produced: sum(own.produced), lostRing: own.lostRing });
    lostMap += own.lostMap;
    missed += own.missed;
    fallbackRuns += own.fallbackRuns;
  }
  return { produced, perCpu, lostMap, missed, fallbackRuns };
}

const sum = (counts: Iterable<number>): number => {
  let total = 0;
  for (const count of counts) total += count;
  return total;
};
