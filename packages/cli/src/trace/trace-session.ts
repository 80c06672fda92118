/** One run of `weir trace`: from the start of the tracer to its end, whatever ends it. */
import { OptionError } from '@weir/ebpf';
import type { JsonLines, LostRecord, TraceRecord, TracerApi, TracerOptions } from '@weir/tracer';
import type { EnrichedRecord, Enricher } from '@weir/tracer/enrich';
import { block, ExitCode, kernelLog, UsageError } from '../failure.js';
import type { ErrorOutput } from '../output/notices.js';
import type { Output } from '../output/output.js';
import { details } from '../text/details.js';
import type { TracerFactory } from '../tracing.js';
import {
  giveBackCodeSoon,
  giveBackSoon,
  inlineLess,
  keepYoungSpaceSmall,
  optimizeAsUsual,
  optimizeLate,
  WarmUp,
} from './give-back.js';
import { Interruption, type SignalSource } from './interruption.js';
import { partialLines, planLines, readyLine, typesLine } from './plan.js';
import { Printer, type PrinterOptions } from './printer.js';
import { announceReady } from './ready.js';
import { summaryLines } from './summary.js';

export interface SessionRequest extends PrinterOptions {
  readonly options: TracerOptions;
  /** Adds details to records. */
  readonly enricher?: Pick<Enricher, 'enrich'> | undefined;
  /** Whether a record, with its details, is to be printed. */
  readonly filter?: ((record: EnrichedRecord) => boolean) | undefined;
  /** Whether to print a summary at the end. By default, unless the reader of the output went away. */
  readonly summary?: boolean | undefined;
  readonly verbose?: boolean | undefined;
  /** Whether to show why types were refused. */
  readonly debug?: boolean | undefined;
  readonly durationMs?: number | undefined;
  readonly readyFd?: number | undefined;
}

/** Parts of the process that a session uses. */
export interface SessionHost {
  readonly stdout: Output;
  readonly stderr: ErrorOutput;
  readonly signals: SignalSource;
  /** Ends the process at once. */
  exit(code: number): void;
}

/**
 * Traces until a signal, the duration, the count, or the reader of the output ends it.
 * @throws the errors of the tracer; it is stopped then.
 */
export async function runSession(
  request: SessionRequest,
  tracing: TracerFactory,
  host: SessionHost,
): Promise<ExitCode> {
  const { enricher, filter } = request;
  const printer = new Printer(request, host.stdout);
  let starting: Promise<TracerApi> | undefined;
  const stop = once(async () => (await starting)?.stop());
  // A failure to stop is thrown below, where stop() is awaited.
  const end = () => void stop().catch(() => undefined);
  // Listens before the start, so that a signal during it ends the session in order; the signal takes effect after the start.
  using interruption = new Interruption(host.signals, end, (code) => host.exit(code));
  keepYoungSpaceSmall();
  inlineLess();
  optimizeLate();
  starting = start(tracing, request.options);
  const tracer = await starting;
  const started = performance.now();
  host.stdout.onBroken(end);
  const say = (lines: readonly string[]) =>
    host.stderr.write(lines.map((line) => `weir: ${line}\n`).join(''));
  let timer: NodeJS.Timeout | undefined;
  // A quiet host is no reason for Node.js to find nothing left to do and exit.
  const keepAlive = setInterval(() => undefined, 1 << 30);
  try {
    if (request.durationMs !== undefined) timer = setTimeout(end, request.durationMs);
    for (const pid of request.watchFds ?? []) tracer.watchFds(pid);
    const kept = tracing.dropPrivileges();
    if (kept !== undefined) say([kept]);
    await printer.begin();
    if (tracer.types.rejected !== undefined) say([typesLine(tracer.types)]);
    if (request.debug) host.stderr.write(block(kernelLog(tracer.types.refusal)));
    say(partialLines(tracer.plan));
    if (request.verbose) say([typesLine(tracer.types), ...planLines(tracer.plan)]);
    if (request.verbose || host.stderr.isTTY) say([readyLine(tracer.plan)]);
    if (request.readyFd !== undefined) announceReady(request.readyFd);
    optimizeAsUsual();
    // Lines of events are written without an object for each.
    if (isPlainJson(request)) giveBackCodeSoon();
    else giveBackSoon();
    const warmUp = new WarmUp();
    if (isPlainJson(request)) {
      for await (const lines of tracer.jsonLines()) {
        if (!(await printer.printLines(lines))) break;
        warmUp.count(eventsIn(lines));
      }
    } else {
      for await (const batch of tracer.batches()) {
        if (request.format === 'tcptracer') say(lossLines(batch));
        // The whole batch is enriched before anything waits for the reader of the output: processes end meanwhile.
        const records = enricher === undefined ? batch : batch.map((record) => enricher.enrich(record));
        if (!(await printer.print(filter === undefined ? records : records.filter(filter)))) break;
        warmUp.count(batch.length);
      }
    }
  } finally {
    clearTimeout(timer);
    printer.end();
    await stop().finally(() => clearInterval(keepAlive));
  }
  if (request.summary ?? !host.stdout.broken) {
    // The terminal has just echoed ^C.
    if (interruption.received === 'SIGINT' && host.stderr.isTTY) host.stderr.write('\n');
    say(summarise(printer, tracer, performance.now() - started));
  }
  return ExitCode.ok;
}

/** Whether all records are printed as they are, which needs no object for each. */
function isPlainJson({ format, enricher, filter, count }: SessionRequest): boolean {
  return format === 'json' && enricher === undefined && filter === undefined && count === undefined;
}

function eventsIn({ counts }: JsonLines): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** Options that make no sense together, or to this kernel, came from the command line. */
async function start(tracing: TracerFactory, options: TracerOptions): Promise<TracerApi> {
  try {
    return await tracing.startAsync(options);
  } catch (error) {
    throw error instanceof OptionError ? new UsageError(error.message, { cause: error }) : error;
  }
}

/** The form `tcptracer` has no line for losses, so standard error reports them. */
function lossLines(batch: readonly TraceRecord[]): string[] {
  const losses = batch.filter((record): record is LostRecord => record.event === 'lost');
  return losses.map((record) => `lost ${details(record).join(', ')}`);
}

function summarise(printer: Printer, tracer: TracerApi, elapsedMs: number): string[] {
  const { lost, inversions } = tracer.stats();
  return summaryLines({ printed: printer.printed, lost, inversions, elapsedMs });
}

function once<T>(action: () => T): () => T {
  let result: { readonly value: T } | undefined;
  return () => {
    result ??= { value: action() };
    return result.value;
  };
}
