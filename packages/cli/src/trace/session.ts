/** One run of `weir trace`: from the start of the tracer to its end, whatever ends it. */
import type { SocketEventName, TraceRecord, TracerApi, TracerOptions } from '@weir/tracer';
import { ExitCode, UsageError } from '../failure.js';
import { jsonLine } from '../json.js';
import type { Output, OutputStream } from '../output.js';
import { noColour, type Paint } from '../text/colour.js';
import { TextFormatter } from '../text/lines.js';
import type { TracerFactory } from '../tracing.js';
import { Interruption, type SignalSource } from './interruption.js';
import { planLines, readyLine } from './plan.js';
import { announceReady } from './ready.js';
import { summaryLines } from './summary.js';

export interface SessionRequest {
  readonly options: TracerOptions;
  readonly json?: boolean | undefined;
  readonly paint?: Paint;
  /** Do not fit lines to the terminal. */
  readonly wide?: boolean | undefined;
  /** Default: unless the reader of the output went away. */
  readonly summary?: boolean | undefined;
  readonly verbose?: boolean | undefined;
  readonly durationMs?: number | undefined;
  /** Ends after this many socket events. */
  readonly count?: number | undefined;
  readonly readyFd?: number | undefined;
}

/** What a session needs of the process it runs in. */
export interface SessionHost {
  readonly stdout: Output;
  readonly stderr: OutputStream;
  readonly signals: SignalSource;
  /** Ends the process at once. */
  exit(code: number): void;
}

/** Records formatted and written at a time: some 100 kB, so that a slow reader is felt early. */
const recordsPerWrite = 512;

/**
 * Traces until a signal, the duration, the count, or the reader of the output ends it.
 * @throws what the tracer throws; it is stopped then.
 */
export async function runSession(
  request: SessionRequest,
  tracing: TracerFactory,
  host: SessionHost,
): Promise<ExitCode> {
  const printer = new Printer(request, host.stdout);
  const stop = once(() => tracer.stop());
  // A failure to stop is thrown below, where stop() is awaited.
  const end = () => void stop().catch(() => undefined);
  // Listens before the start, so that a signal during it ends the session in order; it is told only afterwards.
  using interruption = new Interruption(host.signals, end, (code) => host.exit(code));
  const tracer = start(tracing, request.options);
  const started = performance.now();
  host.stdout.onBroken(end);
  const say = (lines: readonly string[]) =>
    host.stderr.write(lines.map((line) => `weir: ${line}\n`).join(''));
  let timer: NodeJS.Timeout | undefined;
  // A quiet host is no reason for Node.js to find nothing left to do and exit.
  const keepAlive = setInterval(() => undefined, 1 << 30);
  try {
    if (request.durationMs !== undefined) timer = setTimeout(end, request.durationMs);
    await printer.begin();
    if (request.verbose) say(planLines(tracer.plan));
    if (request.verbose || host.stderr.isTTY) say([readyLine(tracer.plan)]);
    if (request.readyFd !== undefined) announceReady(request.readyFd);
    for await (const batch of tracer.batches()) {
      if (!(await printer.print(batch))) break;
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

/** Options that make no sense together, or to this kernel, came from the command line. */
function start(tracing: TracerFactory, options: TracerOptions): TracerApi {
  try {
    return tracing.start(options);
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(error.message, { cause: error }) : error;
  }
}

function summarise(printer: Printer, tracer: TracerApi, elapsedMs: number): string[] {
  const { lost, inversions } = tracer.stats();
  return summaryLines({ printed: printer.printed, lost, inversions, elapsedMs });
}

/** Writes records as text or JSON, counts them, and knows when it is enough. */
class Printer {
  readonly printed: Record<SocketEventName, number> = { connect: 0, accept: 0, close: 0, fail: 0 };
  readonly #output: Output;
  readonly #text: TextFormatter | undefined;
  /** Socket events still to print. */
  #left: number;
  #pendingHeader = '';
  readonly #onResize = () => this.#resize();

  constructor(request: SessionRequest, output: Output) {
    this.#output = output;
    this.#left = request.count ?? Number.POSITIVE_INFINITY;
    if (request.json) return;
    const fit = output.stream.isTTY && !request.wide;
    this.#text = new TextFormatter({
      width: fit ? output.stream.columns : undefined,
      paint: request.paint ?? noColour,
    });
    if (fit) output.stream.on('resize', this.#onResize);
  }

  async begin(): Promise<void> {
    if (this.#text !== undefined) await this.#output.write(this.#text.header());
  }

  /** Returns false when nothing more is to be printed. */
  async print(records: readonly TraceRecord[]): Promise<boolean> {
    for (let start = 0; start < records.length; start += recordsPerWrite) {
      await this.#output.write(this.#format(records.slice(start, start + recordsPerWrite)));
      if (this.#left === 0 || this.#output.broken) return false;
    }
    return true;
  }

  end(): void {
    this.#output.stream.off('resize', this.#onResize);
  }

  #format(records: readonly TraceRecord[]): string {
    let text = this.#pendingHeader;
    this.#pendingHeader = '';
    for (const record of records) {
      if (this.#left === 0) break;
      text += this.#text?.line(record) ?? jsonLine(record);
      if (record.event === 'lost') continue;
      this.printed[record.event]++;
      this.#left--;
    }
    return text;
  }

  #resize(): void {
    const { columns } = this.#output.stream;
    if (this.#text === undefined || columns === undefined) return;
    this.#text.resize(columns);
    this.#pendingHeader = this.#text.header();
  }
}

function once<T>(action: () => T): () => T {
  let result: { readonly value: T } | undefined;
  return () => {
    result ??= { value: action() };
    return result.value;
  };
}
