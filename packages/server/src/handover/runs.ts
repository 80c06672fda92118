/** A run of batches, as a collector begins it, or goes on with it. */
import { randomBytes } from 'node:crypto';
import type { DescriptorQueue } from '@weir/ebpf/sys';
import type { LossRow } from '@weir/history/schema';
import type { ResumedRun } from '../collector/collector.js';
import type { ServeConfig } from '../config/serve-schema.js';
import type { IngestClient } from '../ingest/ingest-client.js';
import type { BatchContent, Epoch } from '../spool/batch-sender.js';
import { Checkpoint, type RunDescription } from './checkpoint.js';
import { digestOf, type Handover, type Resumable } from './handover.js';

/** Begins to number batches. @param started Nanoseconds since 1970. */
export function newEpoch(host_id: bigint, started: bigint): Epoch {
  return { host_id, epoch: randomBytes(16).toString('hex'), started };
}

/** The numbers of batches go on. */
export function epochOf({ host_id, epoch, started }: RunDescription): Epoch {
  return { host_id: BigInt(host_id), epoch, started: BigInt(started) };
}

/** What a run begins with. */
export interface NewRun {
  readonly tracer: Partial<Resumable>;
  readonly queue: DescriptorQueue | undefined;
  readonly path: string;
  readonly fingerprint: string;
  readonly epoch: Epoch;
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly beganNs: number;
  readonly say: (line: string) => void;
}

/** Gives the server what the next collector needs, should this one be killed; undefined where that is not possible. */
export function beginRun({
  tracer,
  queue,
  path,
  fingerprint,
  epoch,
  beganNs,
  say,
}: NewRun): Checkpoint | undefined {
  const held = tracer.held?.();
  const position = tracer.position?.();
  if (queue === undefined || held === undefined || position === undefined) return undefined;
  const run = {
    ...{ fingerprint, held: digestOf(held.description), epoch: epoch.epoch, beganNs },
    ...{ host_id: String(epoch.host_id), started: String(epoch.started) },
  };
  const start = { number: 0, time: String(epoch.started), monotonicNs: beganNs, position };
  try {
    queue.put(held.description, held.descriptors);
    return Checkpoint.create(path, run, start);
  } catch (error) {
    // The disk may be full. Collecting goes on.
    queue.clear();
    say(`if this collector is killed, the next one begins anew: ${(error as Error).message}`);
    return undefined;
  }
}

/** What the collector's part of a run begins with. @param now Nanoseconds since 1970. @param sweepMs Between two sweeps, milliseconds. */
export function resumedRun(
  { checkpoint, state, open }: Handover,
  { record }: ServeConfig,
  now: bigint,
  sweepMs = 60_000,
): ResumedRun {
  const { run } = checkpoint;
  const host_id = BigInt(run.host_id);
  const since = BigInt(state.time);
  const losses: LossRow[] = [];
  if (record.udp) {
    const detail = 'a collector was killed: UDP flows that were open then are counted anew';
    losses.push({ host_id, since, time: now, place: 'udp', detail });
  }
  // Before its first batch, no collector has looked at anything.
  if (open === undefined && state.number > 0) {
    const detail =
      'a collector was killed, and what it knew of open connections cannot be read: what they moved since its last look is in no row';
    losses.push({
      host_id,
      since: since - BigInt(sweepMs) * 1_000_000n,
      time: now,
      place: 'history',
      detail,
    });
  }
  return {
    beganNs: run.beganNs,
    until: { monotonicNs: state.monotonicNs, time: since },
    losses,
    ...(open !== undefined && { takeOpen: () => open.take() }),
  };
}

/** What a batch passes on its way. */
export interface KeptSending {
  readonly client: Pick<IngestClient, 'send' | 'lastNumber'>;
  readonly tracer: Partial<Resumable>;
  /** Undefined where the next collector begins anew. */
  readonly checkpoint: Checkpoint | undefined;
}

/** Sends a batch, after it is noted up to where it has the tracer's events. @returns whether there was room for it. */
export function sendKept(content: BatchContent, { client, tracer, checkpoint }: KeptSending): boolean {
  const position = tracer.position?.();
  if (position === undefined) return client.send(content);
  const { time, monotonic_ns: monotonicNs } = content;
  checkpoint?.begin({ number: client.lastNumber + 1, time: String(time), monotonicNs, position });
  const isAdded = client.send(content);
  // Without a checkpoint, too: else the ring would soon be full.
  tracer.commit?.(position);
  return isAdded;
}
