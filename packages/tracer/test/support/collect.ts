/** Collects the records of a tracer while something happens. */
import assert from 'node:assert/strict';
import { type TraceRecord, Tracer, type TracerOptions, type TracerStats } from '../../src/index.js';

export interface Collected<T> {
  readonly result: T;
  readonly records: readonly TraceRecord[];
  readonly stats: TracerStats;
}

/** Traces while `action` runs, then reads to the last record. */
export async function collect<T>(
  options: TracerOptions,
  action: (tracer: Tracer) => Promise<T>,
): Promise<Collected<T>> {
  await using tracer = Tracer.start(options);
  const records: TraceRecord[] = [];
  const reading = (async () => {
    for await (const batch of tracer.batches()) records.push(...batch);
  })();
  const result = await action(tracer);
  await tracer.stop();
  await reading;
  return { result, records, stats: tracer.stats() };
}

/** Nothing was lost, nothing came out of order, and what was counted in the kernel is what was delivered. */
export function assertComplete({ records, stats }: Collected<unknown>): void {
  assert.deepEqual(stats.lost, { ring: 0, map: 0, probe: 0, udp: 0, missed: 0 });
  assert.equal(stats.inversions, 0);
  assert.deepEqual(stats.delivered, stats.produced);
  for (let i = 1; i < records.length; i++) {
    assert.ok(
      records[i - 1]!.monotonic_ns <= records[i]!.monotonic_ns,
      `record ${i} is older than the one before`,
    );
  }
  assert.equal(stats.connections, 0, 'connections still followed at the end');
}
