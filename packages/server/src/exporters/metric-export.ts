/** Sends metrics now and then, for as long as it is not closed. Nothing waits: the next points say all that lost ones did. */
import { plain } from './exported-record.js';
import type { MetricPoints } from './otlp/metric-points.js';
import type { OtlpMetricSender } from './otlp/otlp-metrics.js';
import { TimeLimit } from './time-limit.js';

/** What it has done since it was started. */
export interface MetricExportCounts {
  /** Times that the receiver took all of them. */
  readonly sent: number;
  readonly failed: number;
  /** Points that the receiver refused. */
  readonly refused: number;
  /** Why the last one failed. */
  readonly problem?: string;
}

/** How metrics are sent. */
export interface MetricExportOptions {
  readonly sender: Pick<OtlpMetricSender, 'send' | typeof Symbol.dispose>;
  readonly read: () => Promise<MetricPoints>;
  /** From one time to the next, milliseconds. */
  readonly everyMs: number;
  /** Reports that the receiver fails, or works again. */
  readonly say: (message: string) => void;
  /** What one before it has done. */
  readonly earlier?: MetricExportCounts | undefined;
}

const MOST_MESSAGE = 500;

/** Sends until it is closed. */
export class MetricExport {
  readonly #options: MetricExportOptions;
  readonly #close = new AbortController();
  readonly #end = new AbortController();
  readonly #running: Promise<void>;
  #sent: number;
  #failed: number;
  #refused: number;
  #problem: string | undefined;

  constructor(options: MetricExportOptions) {
    this.#options = options;
    const { sent = 0, failed = 0, refused = 0, problem } = options.earlier ?? {};
    [this.#sent, this.#failed, this.#refused, this.#problem] = [sent, failed, refused, problem];
    this.#running = this.#run();
  }

  /** What it has done. */
  get counts(): MetricExportCounts {
    return {
      ...{ sent: this.#sent, failed: this.#failed, refused: this.#refused },
      ...(this.#problem !== undefined && { problem: this.#problem }),
    };
  }

  /** Sends what was counted until now, for a time at most. */
  async close(timeoutMs: number): Promise<void> {
    this.#close.abort();
    using limit = new TimeLimit(timeoutMs);
    await Promise.race([this.#running, limit.ended]);
    this.#end.abort();
    await this.#running;
    this.#options.sender[Symbol.dispose]();
  }

  async #run(): Promise<void> {
    for (let isLast = false; !isLast; ) {
      using limit = new TimeLimit(this.#options.everyMs, this.#close.signal);
      await limit.ended;
      isLast = this.#close.signal.aborted;
      await this.#sendOnce();
    }
  }

  async #sendOnce(): Promise<void> {
    try {
      const result = await this.#options.sender.send(await this.#options.read(), this.#end.signal);
      if (result.kind !== 'sent') return this.#fails(result.message);
      this.#sent++;
      this.#refused += result.refused ?? 0;
      if (this.#problem !== undefined) this.#options.say('the receiver takes metrics again');
      this.#problem = undefined;
    } catch (error) {
      this.#fails((error as Error).message);
    }
  }

  #fails(message: string): void {
    this.#failed++;
    const text = plain(message).slice(0, MOST_MESSAGE);
    if (this.#problem === undefined) this.#options.say(`${text}; the next metrics are sent all the same`);
    this.#problem = text;
  }
}
