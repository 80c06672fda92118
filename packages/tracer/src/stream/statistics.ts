/** The kernel programs' own counts, summed over CPUs. */

import { readStatistics, sizeofStatistics } from '../generated/tcp.js';
import type { KernelEventName } from '../records/record.js';
import { eventNames } from './decode.js';

export interface KernelCounts {
  /** UDP programs emit no events: user space reads their counts. */
  readonly produced: Record<KernelEventName, number>;
  readonly lostRing: number;
  readonly lostMap: number;
  /** Runs of the second program of the lifecycle in place of the first. */
  readonly fallbackRuns: number;
}

export function emptyCounts(): Record<KernelEventName, number> {
  return { connect: 0, accept: 0, close: 0, fail: 0, udp_flow: 0, fd_install: 0 };
}

/** @param perCpu One struct statistics a CPU. */
export function sumStatistics(perCpu: readonly Uint8Array[]): KernelCounts {
  const produced = emptyCounts();
  let lostRing = 0;
  let lostMap = 0;
  let fallbackRuns = 0;
  for (const bytes of perCpu) {
    const own = readStatistics(new DataView(bytes.buffer, bytes.byteOffset, sizeofStatistics), 0);
    for (const [kind, name] of eventNames.entries()) produced[name] += own.produced[kind] ?? 0;
    lostRing += own.lostRing;
    lostMap += own.lostMap;
    fallbackRuns += own.fallbackRuns;
  }
  return { produced, lostRing, lostMap, fallbackRuns };
}
