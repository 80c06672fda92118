/**
 * Events that were produced and never read, by CPU. On some kernels (4.18 and 4.19 among them) bpf_perf_event_output
 * returns 0 whatever happens, so that programs cannot count all that is lost. Pure.
 */

/** What one CPU's programs counted. */
export interface CpuCounts {
  readonly cpu: number;
  /** Events that the programs had to emit. */
  readonly produced: number;
  /** Events among them that the programs know to be lost. */
  readonly lostRing: number;
}

/**
 * The time after which whatever a program had counted as produced is in the ring, unless it was lost. An interrupt, or the
 * host of a virtual machine, can hold a program up between the two.
 */
const ARRIVAL_NS = 200_000_000;

export class RingLosses {
  /** Events read, by CPU; whoever reads the ring counts here. */
  readonly read: number[];
  readonly #reported: (cpu: number) => number;
  readonly #skipped: readonly number[];
  /** Events known to be missing, by CPU, since what was produced had come to rest. */
  readonly #missing = new Map<number, number>();
  #observed: { readonly atNs: number; readonly counts: readonly CpuCounts[] } | undefined;
  #final = false;

  /**
   * @param cpus One more than the highest number of a CPU.
   * @param reported Events that the kernel itself reported as dropped on a CPU, so far.
   * @param skipped Events that count as read besides, by CPU.
   */
  constructor(cpus: number, reported: (cpu: number) => number, skipped: readonly number[] = []) {
    this.read = new Array<number>(cpus).fill(0);
    this.#reported = reported;
    this.#skipped = skipped;
  }

  /** Events read on all CPUs. */
  get allRead(): number {
    return this.read.reduce((sum, _, cpu) => sum + this.#readOn(cpu), 0);
  }

  /**
   * Remembers what was produced up to now. Once the ring was read up to a mark that is {@link ARRIVAL_NS} younger, what is
   * missing of that is lost: see {@link readUpTo}.
   *
   * @param nowNs A moment after the counts were read, CLOCK_MONOTONIC.
   */
  observe(counts: readonly CpuCounts[], nowNs: number): void {
    this.#observed = { atNs: nowNs, counts };
  }

  /** The ring was read up to a mark of this moment. @returns whether what was observed has been compared now. */
  readUpTo(markNs: number): boolean {
    const observed = this.#observed;
    if (observed === undefined || markNs - observed.atNs < ARRIVAL_NS) return false;
    this.#observed = undefined;
    for (const { cpu, produced } of observed.counts) {
      // What was produced since, and read, hides losses until the next time; it never adds any.
      this.#missing.set(cpu, Math.max(this.#missingOn(cpu), produced - this.#readOn(cpu)));
    }
    return true;
  }

  /** The programs are detached and the ring was read to its end: what is missing now is lost, to the event. */
  finish(counts: readonly CpuCounts[]): void {
    this.#observed = undefined;
    this.#final = true;
    for (const { cpu, produced } of counts) this.#missing.set(cpu, produced - this.#readOn(cpu));
  }

  /**
   * Events that are lost for certain: what the programs counted, what the kernel reported in the ring, or what is missing,
   * whichever is most.
   */
  lost(counts: readonly CpuCounts[]): number {
    let sum = 0;
    for (const { cpu, lostRing } of counts) {
      const missing = this.#missingOn(cpu);
      sum += this.#final ? missing : Math.max(lostRing, this.#reported(cpu), missing);
    }
    return sum;
  }

  #missingOn(cpu: number): number {
    return this.#missing.get(cpu) ?? 0;
  }

  #readOn(cpu: number): number {
    return (this.read[cpu] ?? 0) + (this.#skipped[cpu] ?? 0);
  }
}
