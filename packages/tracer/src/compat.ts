/**
 * The shape of weaveworks/tcptracer-bpf's library, for programs that were written for it:
 *
 *     const tracer = newTracer({ tcpEventV4, tcpEventV6, lostV4, lostV6 });
 *     tracer.start();
 *
 * The differences: connections of IPv6 sockets over IPv4 are also reported when they are made; timestamps never go back, over
 * both families together; the end of a connection by a reset or a timeout is reported at once, with its owner.
 *
 * @module @weir/tracer/compat
 */

import type { TracerOptions } from './options.js';
import { deliver, type TcpEventCallbacks } from './records/compat-event.js';
import { Tracer } from './tracer.js';

export type { TcpEventCallbacks, TcpTracerEvent, TcpV4, TcpV6 } from './records/compat-event.js';

/** Options that tcptracer-bpf does not have. */
export type CompatOptions = Pick<TracerOptions, 'btf' | 'ringBytes' | 'maxConnections' | 'filter'>;

/** A running tracer in tcptracer-bpf's shape. */
export interface CompatTracer {
  /** Begins to call back, with all events since {@link newTracer}. */
  start(): void;
  /**
   * Reports every file descriptor that a process gets from now on, as events `fdinstall`.
   *
   * @param pid Process id (tgid) in the initial pid namespace.
   * @throws the errors of {@link Tracer.watchFds}.
   */
  addFdInstallWatcher(pid: number): void;
  /** Ends {@link addFdInstallWatcher} for a process. No error for one that is not watched. */
  removeFdInstallWatcher(pid: number): void;
  /** Detaches the programs; resolves after the last callback. */
  stop(): Promise<void>;
}

/**
 * Loads and attaches the programs. Like tcptracer-bpf it reports a close at the application's close, and no
 * failed connects.
 *
 * Events come in order of their timestamps, over both families. Lost ones are counted for all families
 * together, when they are found (every ten seconds, and at the end): all go to `lostV4`, none to `lostV6`, so
 * that the sum of both is right. An error that a callback throws ends the tracer, as an unhandled rejection.
 *
 * Needs Linux 4.17, as {@link Tracer} does.
 *
 * @throws the errors of {@link Tracer.start}.
 */
export function newTracer(callbacks: TcpEventCallbacks, options: CompatOptions = {}): CompatTracer {
  const tracer = Tracer.start({
    ...options,
    filter: { events: ['connect', 'accept', 'close'], ...options.filter },
    promptClose: true,
  });
  let reading: Promise<void> | undefined;
  return {
    start() {
      reading ??= read(tracer, callbacks);
    },
    addFdInstallWatcher: (pid) => tracer.watchFds(pid),
    removeFdInstallWatcher: (pid) => tracer.unwatchFds(pid),
    async stop() {
      await tracer.stop();
      await reading;
    },
  };
}

async function read(tracer: Tracer, callbacks: TcpEventCallbacks): Promise<void> {
  for await (const batch of tracer.batches()) {
    for (const record of batch) deliver(record, callbacks);
  }
}
