/**
 * How a collector goes on with the run of one that was killed. The server, which outlives it, has a socket in which the descriptors of
 * the tracer's programs wait: so those run on, and events stay in the ring. When both are gone, so is all of it.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { EbpfError } from '@weir/ebpf/errors';
import { DescriptorQueue, type QueuedDescriptors } from '@weir/ebpf/sys';
import type { Tracer, TracerApi, TracerOptions, TracerPosition } from '@weir/tracer';
import type { ServePaths } from '../serve/paths.js';
import { newestSpooled } from '../spool/newest-batch.js';
import { type BatchState, Checkpoint } from './checkpoint.js';
import { type LeftOpen, readOpen } from './read-open.js';

/** A tracer on whose events another process can go on. */
export type ResumableTracer = TracerApi & Resumable;

/** What it takes for that. */
export type Resumable = Pick<Tracer, 'held' | 'position' | 'commit' | 'ringUsed'>;

/** Goes on with a tracer of a process that was killed. */
export type ResumeTracer = (
  held: QueuedDescriptors,
  position: TracerPosition,
  options: TracerOptions,
) => ResumableTracer;

/** A run to go on with. */
export interface Handover {
  readonly tracer: ResumableTracer;
  readonly queue: DescriptorQueue;
  readonly checkpoint: Checkpoint;
  readonly state: BatchState;
  /** What was known of open connections; undefined where nothing says that. */
  readonly open: LeftOpen | undefined;
  /** The server that has held it; undefined where the service manager did. */
  readonly holder: number | undefined;
}

/** Where a killed collector's run may be, and what a collector must have to go on with it. */
export interface HandoverRequest {
  readonly paths: Pick<ServePaths, 'handover' | 'open' | 'spool'>;
  readonly fingerprint: string;
  /** The server that a file names, if one runs. */
  readonly announced: number | undefined;
  /** Whether a process is a server. */
  readonly isServer: (pid: number) => boolean;
  /** The number that the queue has in a server. */
  readonly fd: number;
  /** Queues that the service manager has kept for this process. */
  readonly stored?: readonly number[];
  readonly options: TracerOptions;
  readonly resume: ResumeTracer;
  readonly say: (line: string) => void;
}

/** The digest of a description of what a tracer holds. */
export function digestOf(description: string): string {
  return createHash('sha256').update(description).digest('hex');
}

/**
 * Differs where a collector cannot go on with another's programs and files.
 *
 * @param parts All on which they depend.
 */
export function fingerprintOf(...parts: readonly unknown[]): string {
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1');
  return digestOf(JSON.stringify([bootId, ...parts]));
}

/** Goes on with the run of a killed collector; undefined where there is none, or why it cannot was said. */
export function resumeRun(request: HandoverRequest): Handover | undefined {
  const checkpoint = Checkpoint.open(request.paths.handover);
  if (checkpoint === undefined) return undefined;
  try {
    return resumeFrom(checkpoint, request);
  } catch (error) {
    if (!(error instanceof EbpfError)) throw error;
    request.say(
      `the collector before this one did not end in order, and tracing begins anew: ${error.message}`,
    );
    checkpoint.close();
    return undefined;
  }
}

function resumeFrom(checkpoint: Checkpoint, request: HandoverRequest): Handover {
  const { paths, fingerprint, options, resume } = request;
  const { run } = checkpoint;
  if (run.fingerprint !== fingerprint)
    throw new EbpfError('it was of another version, or had another configuration');
  const number = Math.max(checkpoint.acknowledged, newestSpooled(paths.spool, run.epoch));
  const state = checkpoint.state(number);
  if (state === undefined) throw new EbpfError(`nothing says what batch ${number} had`);
  const { queue, holder } = findQueue(checkpoint, request);
  try {
    const held = queue.peek();
    if (held === undefined) throw new EbpfError('it had ended its tracing');
    if (digestOf(held.description) !== run.held) {
      for (const fd of held.descriptors) fd[Symbol.dispose]();
      throw new EbpfError('its server has other descriptors than it was given');
    }
    const tracer = resume(held, state.position, options);
    return { tracer, queue, checkpoint, state, open: readOpen(paths.open, run.epoch, state), holder };
  } catch (error) {
    queue[Symbol.dispose]();
    throw error;
  }
}

/** The server may have died and another be under way, which has said to nobody yet who it is. */
function findQueue(
  { holder }: Checkpoint,
  { announced = 0, isServer, fd, stored = [] }: HandoverRequest,
): Pick<Handover, 'queue' | 'holder'> {
  const servers = [...new Set([holder, announced])].filter((pid) => pid > 0 && isServer(pid));
  let failure: unknown = new EbpfError('its server is gone as well');
  for (const pid of servers) {
    try {
      return { queue: DescriptorQueue.ofProcess(pid, fd), holder: pid };
    } catch (error) {
      failure = error;
    }
  }
  const [kept] = stored;
  if (kept !== undefined) return { queue: DescriptorQueue.ofProcess(process.pid, kept), holder: undefined };
  throw failure;
}

/** What was stored for a run with which nobody goes on is let go of: else its programs would stay in the kernel. */
export function clearStored(stored: readonly number[]): void {
  for (const fd of stored) {
    using queue = DescriptorQueue.ofProcess(process.pid, fd);
    queue.clear();
  }
}
