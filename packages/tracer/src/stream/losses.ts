/** Events that the kernel programs could not deliver: counted, and reported as records from time to time. */
import { monotonicNs, possibleCpus } from '@weir/ebpf/sys';
import type { ClosedFlows } from '../hooks/closed-flows.js';
import { nestedProgram } from '../hooks/load-programs.js';
import type { TracerPrograms } from '../hooks/programs.js';
import type { TracerStats } from '../options.js';
import type { LostRecord } from '../records/record.js';
import type { WallClock } from './clock.js';
import type { EventRing } from './event-ring.js';
import type { RecordSource } from './record-source.js';
import { RingLosses } from './ring-losses.js';
import { type KernelCounts, ProgramCounts } from './statistics.js';

/**
 * The interval between two readings of the losses. It is long because the kernel runs no kprobe on a CPU while a process
 * reads a map there (bpf_disable_instrumentation), as this one does before Linux 5.5, where counts cannot be mapped into memory.
 */
const INTERVAL_NS = 10_000_000_000;

/** Between the last two looks at the flow table: connect() and accept() are done with an entry long before. */
const LAST_LOOK_MS = 10;

export type LossCounts = TracerStats['lost'];

/** Nothing is lost. */
export const noLosses: LossCounts = { ring: 0, map: 0, probe: 0, udp: 0, missed: 0 };

/** Losses of UDP, since the start. */
export interface UdpLosses {
  /** Program runs that the kernel skipped. */
  readonly missedRuns: number;
  /** Datagrams for which the table had no room. */
  readonly lostDatagrams: number;
}

/** The part of the programs that counts losses. */
export type LossCounters = Pick<TracerPrograms, 'collection'> & {
  readonly closedFlows?: Pick<ClosedFlows, 'look' | 'missed'> | undefined;
  readonly fds: Pick<TracerPrograms['fds'], 'missedRuns'>;
};

export class Losses implements RecordSource {
  readonly #programs: LossCounters;
  readonly #clock: WallClock;
  readonly #udp: UdpLosses | undefined;
  readonly #reported: Record<keyof LossCounts, number>;
  #kernel: ProgramCounts | undefined;
  #missedBefore = 0;
  #lookedNs: number;
  /** Events that were not read from the ring. */
  readonly ring: RingLosses;
  /** Events for which the ring had room, but the reader's queue had not. */
  dropped = 0;

  /**
   * @param nowNs CLOCK_MONOTONIC, nanoseconds.
   * @param reported What an earlier reader of the same programs has reported.
   */
  constructor(
    programs: LossCounters,
    udp: UdpLosses | undefined,
    clock: WallClock,
    ring: Pick<EventRing, 'reportedLost' | 'skipped'>,
    nowNs: number,
    reported: LossCounts = noLosses,
  ) {
    // Counts of UDP begin anew.
    this.#reported = { ...reported, udp: 0 };
    const cpus = Math.max(...possibleCpus()) + 1;
    this.ring = new RingLosses(cpus, (cpu) => ring.reportedLost(cpu), ring.skipped);
    this.#programs = programs;
    this.#udp = udp;
    this.#clock = clock;
    this.#lookedNs = nowNs;
  }

  /** Since the start. */
  counts(kernel: KernelCounts = this.kernelCounts()): LossCounts {
    return {
      ring: this.ring.lost(kernel.perCpu) + this.dropped,
      map: kernel.lostMap,
      probe: this.#missedRuns() + (this.#udp?.missedRuns ?? 0),
      udp: this.#udp?.lostDatagrams ?? 0,
      missed: kernel.missed + (this.#programs.closedFlows?.missed ?? 0),
    };
  }

  /**
   * Looks for ends that no program saw, for the last time: while the programs are still attached, since later ends are seen
   * by none. Takes some milliseconds if there may be any.
   */
  lookForMissed(): void {
    const { closedFlows } = this.#programs;
    if (closedFlows === undefined || closedFlows.look() === 0) return;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LAST_LOOK_MS);
    closedFlows.look();
  }

  kernelCounts(): KernelCounts {
    this.#kernel ??= new ProgramCounts(this.#programs.collection.map('statistics'));
    return this.#kernel.read();
  }

  /** Losses since the last record, once the interval has passed. */
  records(nowNs: number, last: boolean): readonly LostRecord[] {
    if (last) this.ring.finish(this.kernelCounts().perCpu);
    else if (!this.#isDue(nowNs)) return [];
    const counts = this.counts();
    // A run that was skipped a moment ago may just be about to be made up for: only what stays counts.
    const probe = last ? counts.probe : Math.min(counts.probe, this.#missedBefore);
    this.#missedBefore = counts.probe;
    const lost = { ...counts, probe };
    const records: LostRecord[] = [];
    for (const where of ['ring', 'map', 'probe', 'udp', 'missed'] as const) {
      const count = lost[where] - this.#reported[where];
      if (count <= 0) continue;
      records.push({ event: 'lost', time: this.#clock.format(nowNs), monotonic_ns: nowNs, count, where });
      this.#reported[where] = lost[where];
    }
    return records;
  }

  /** Once an interval, when what was produced at its end has had the time to be read. */
  #isDue(nowNs: number): boolean {
    if (nowNs - this.#lookedNs >= INTERVAL_NS) {
      this.#lookedNs = nowNs;
      this.#programs.closedFlows?.look();
      const { perCpu } = this.kernelCounts();
      this.ring.observe(perCpu, Number(monotonicNs()));
    }
    return this.ring.readUpTo(nowNs);
  }

  /**
   * Runs that the kernel skipped and no other program made up for. The kernel's counts are read first, so that a run which
   * the fallback makes up for at this moment does not count.
   */
  #missedRuns(): number {
    let missed = 0;
    for (const program of this.#programs.collection.programs.values()) {
      if (program.name !== nestedProgram) missed += Number(program.info().recursionMisses);
    }
    return Math.max(0, missed - this.kernelCounts().fallbackRuns) + this.#programs.fds.missedRuns;
  }
}
