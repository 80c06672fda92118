/** The shape of a running tracer. */

import type { TracerStats } from './options.js';
import type { EventName, TraceRecord } from './record.js';
import type { HookChoice } from './report.js';

/** Listeners by event name, EventEmitter style. */
export type TracerListener<E extends EventName | 'record' | 'end' | 'error'> = E extends 'record'
  ? (record: TraceRecord) => void
  : E extends 'end'
    ? () => void
    : E extends 'error'
      ? (error: Error) => void
      : (record: Extract<TraceRecord, { event: E }>) => void;

export interface TracerApi extends AsyncIterable<TraceRecord>, Disposable, AsyncDisposable {
  /** The hooks in use, and why. */
  readonly plan: readonly HookChoice[];
  /** Single records, in order of the kernel's clock. Ends when the tracer stops, after the last record. */
  [Symbol.asyncIterator](): AsyncIterator<TraceRecord>;
  /** The same records as arrays: one array each time the ring was read. */
  batches(): AsyncIterable<readonly TraceRecord[]>;
  on<E extends EventName | 'record' | 'end' | 'error'>(event: E, listener: TracerListener<E>): this;
  off<E extends EventName | 'record' | 'end' | 'error'>(event: E, listener: TracerListener<E>): this;
  stats(): TracerStats;
  /** Detaches the programs, delivers what is still in the ring, then ends all iterators. */
  stop(): Promise<void>;
}
