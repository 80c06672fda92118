/** One run of `weir top`: from the start of the tracer to its end. */
import { OptionError } from '@weir/ebpf';
import { monotonicNs } from '@weir/ebpf/sys';
import type { ConnectionsOptions, TracerOptions } from '@weir/tracer';
import { ExitCode, UsageError } from '../failure.js';
import type { Output } from '../output/output.js';
import { giveBackCodeSoon, keepYoungSpaceSmall } from '../trace/give-back.js';
import { Interruption, type SignalSource } from '../trace/interruption.js';
import type { TracerFactory } from '../tracing.js';
import { HostEnrichment } from './model/enrichment.js';
import { Watch } from './model/frame.js';
import { Pacer } from './pacer.js';
import { initialState } from './screen/state.js';
import { Store } from './screen/store.js';
import { type StreamOptions, StreamPrinter } from './stream.js';
import type { Terminal } from './ui/terminal.js';
import { terminalSize, Ui } from './ui/ui.js';

export interface TopRequest extends StreamOptions {
  readonly options: TracerOptions;
  readonly connections: ConnectionsOptions;
  readonly filterText: string;
  readonly enrich: boolean;
  readonly resolve: boolean;
  readonly intervalMs: number;
  /** Intervals to print. */
  readonly count: number;
}

export interface TopHost {
  readonly stdout: Output;
  /** The terminal on which to show the UI; undefined: print instead. */
  readonly terminal: Terminal | undefined;
  readonly signals: SignalSource;
  exit(code: number): void;
}

/** The first rates come soon, however long the interval. */
const firstIntervalMs = 500;
/** How long `--once` waits for names of peers. */
const MAX_NAMES_WAIT_MS = 2_500;

/**
 * Shows, or prints, until a key, a signal, the count or the reader of the output ends it.
 * @throws the errors of the tracer; it is stopped then, and the terminal is as it was.
 */
export async function runTopSession(
  request: TopRequest,
  tracing: TracerFactory,
  host: TopHost,
): Promise<ExitCode> {
  const pacer = new Pacer();
  let ended = false;
  let isStarting = true;
  const end = () => {
    ended = true;
    pacer.wake();
    // On a busy machine a start takes many seconds. Nothing is shown yet, and the kernel removes what an ended process had loaded.
    if (isStarting) host.exit(ExitCode.ok);
  };
  using _interruption = new Interruption(host.signals, end, (code) => host.exit(code));
  host.stdout.onBroken(end);
  // A refresh makes few new objects, however many connections there are.
  keepYoungSpaceSmall();
  using enrichment = new HostEnrichment(request.enrich, request.resolve);
  await using tracer = await start(tracing, request.options);
  if (ended) return ExitCode.ok;
  using live = connect(() => tracer.connections(request.connections));
  const problems = [enrichment.problem, tracing.dropPrivileges()].filter((problem) => problem !== undefined);
  const watch = new Watch(live, () => Number(monotonicNs()), problems);
  // This is before the terminal is taken, so that errors appear on the screen that stays.
  const first = await watch.refresh();
  isStarting = false;
  giveBackCodeSoon();
  if (ended) return ExitCode.ok;

  if (host.terminal !== undefined) {
    const { view, sort, filterText, intervalMs, paint } = request;
    const store = new Store({
      ...{ enrichment, paint, watch },
      state: initialState({ view, sort, filterText, intervalMs }),
      frame: first,
      size: terminalSize(host.terminal.stdout),
      onEffect: (effect) => (effect === 'quit' ? end() : ui.suspend()),
      onInterval: () => pacer.wake(),
    });
    const { stdin } = host.terminal;
    // A terminal that is gone refuses to leave raw mode, too.
    stdin.once('end', end).on('error', end);
    using _stdin = { [Symbol.dispose]: () => void stdin.destroy() };
    using ui = new Ui(store, host.terminal);
    let next = Math.min(firstIntervalMs, intervalMs);
    while (!ended) {
      await pacer.wait(next);
      if (!ended) store.setFrame(await watch.refresh());
      next = store.state.intervalMs;
    }
    return ExitCode.ok;
  }

  const printer = new StreamPrinter(request, host.stdout);
  while (!ended && printer.printed < request.count) {
    await pacer.wait(request.intervalMs);
    if (ended) break;
    const frame = await watch.refresh();
    if (request.count === 1) {
      for (const { peer, process } of frame.connections) {
        enrichment.peerName(peer.address);
        if (process !== undefined) enrichment.process(process);
      }
      await enrichment.lookupsDone(MAX_NAMES_WAIT_MS);
    }
    if (!(await printer.print(frame, enrichment, new Date()))) break;
  }
  return ExitCode.ok;
}

/** Options that make no sense together, or to this kernel, came from the command line. */
async function start(tracing: TracerFactory, options: TracerOptions) {
  try {
    return await tracing.startAsync(options);
  } catch (error) {
    throw asUsageError(error);
  }
}

function connect<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw asUsageError(error);
  }
}

function asUsageError(error: unknown): unknown {
  return error instanceof OptionError ? new UsageError(error.message, { cause: error }) : error;
}
