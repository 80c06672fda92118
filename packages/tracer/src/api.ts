/** The shape of a running tracer. */

import type { ColumnsOptions, EventColumns } from './columns/event-columns.js';
import type { ConnectionsOptions, LiveConnections } from './connections/live.js';
import type { JsonLines } from './json/json-reader.js';
import type { TracerStats } from './options.js';
import type { EventName, TraceRecord } from './records/record.js';
import type { HookChoice } from './report.js';
import type { TypeChoice } from './types/target.js';

/** Listeners by event name, EventEmitter style. */
export type TracerListener<E extends EventName | 'record' | 'end' | 'error'> = E extends 'record'
  ? (record: TraceRecord) => void
  : E extends 'end'
    ? () => void
    : E extends 'error'
      ? (error: Error) => void
      : (record: Extract<TraceRecord, { event: E }>) => void;

/** A running tracer: its records, its counts, its live connections. */
export interface TracerApi extends AsyncIterable<TraceRecord>, Disposable, AsyncDisposable {
  /** The hooks in use, and why. */
  readonly plan: readonly HookChoice[];
  /** The source of the kernel's types, and why others that were given are not used. */
  readonly types: TypeChoice;
  /**
   * Single records, in order of the kernel's clock. Ends when the tracer stops, after the last record.
   *
   * @throws EbpfError if there is a reader already.
   */
  [Symbol.asyncIterator](): AsyncIterator<TraceRecord>;
  /**
   * The same records as arrays: one array each time the ring was read.
   *
   * @throws EbpfError if there is a reader already.
   */
  batches(): AsyncIterable<readonly TraceRecord[]>;
  /**
   * Events as columns: an array for each field instead of an object for each event, for those who count and sum. A batch has to
   * be read before the next is asked for.
   *
   * @throws EbpfError if there is a reader already.
   */
  columns(options?: ColumnsOptions): AsyncIterable<EventColumns>;
  /**
   * The same records as JSON lines, as `weir trace --json` prints them, made without an object for each. The bytes of a batch
   * are overwritten when the next is asked for.
   *
   * @throws EbpfError if there is a reader already.
   */
  jsonLines(): AsyncIterable<JsonLines>;
  /** Calls a listener for each record of an event, for each `record`, at the `end`, or upon an `error`. */
  on<E extends EventName | 'record' | 'end' | 'error'>(event: E, listener: TracerListener<E>): this;
  /** Removes a listener that `on` added. */
  off<E extends EventName | 'record' | 'end' | 'error'>(event: E, listener: TracerListener<E>): this;
  /** Counts since the start; final ones once the tracer was stopped. */
  stats(): TracerStats;
  /**
   * The time up to which the reader has been given all that happened: CLOCK_MONOTONIC in nanoseconds; 0 before the ring was first
   * read. It stays while records wait for the reader.
   */
  readonly completeNs: number;
  /**
   * Reports every file descriptor that a process gets from now on, as records `fd_install`. The tracer's
   * filters do not apply to them. The kernel's fd_install is hooked only while a process is watched; `plan`
   * shows beforehand whether it can be hooked.
   *
   * @param pid Process id (tgid) in the initial pid namespace. It is watched until it ends (Linux 5.3), or until
   * {@link unwatchFds}.
   * @throws UnsupportedError where the kernel has neither BPF trampolines (5.5) nor kprobes;
   * UnknownFeatureError where that is unknown; OptionError for a number that is no process id; VerifierError,
   * SyscallError (E2BIG beyond 4,096 processes); TracerStoppedError once the tracer was stopped.
   */
  watchFds(pid: number): void;
  /** Ends {@link watchFds} for a process. Records that were made before are still delivered. */
  unwatchFds(pid: number): void;
  /**
   * The live connections of this host, including those from before the start. They consume all events, whether the tracer
   * has a reader or not; a reader that comes later does not get the events from before. Only the tracer's filter of
   * network namespaces applies; with other filters, the end of a connection is detected by the absence of its socket.
   *
   * Without CAP_SYS_ADMIN or CAP_SYS_PTRACE, less is seen: `problems` names what is missing.
   *
   * @throws OptionError for options that make no sense; TracerStoppedError once the tracer was stopped.
   */
  connections(options?: ConnectionsOptions): LiveConnections;
  /**
   * Detaches the programs, delivers what is still in the ring, then ends all iterators. Where the reader asks for nothing for
   * more than a second, as a loop whose body waits for this, it resolves before that; the rest stays for the reader.
   */
  stop(): Promise<void>;
}
