/** Writes records in the form that was asked for, counts them, and knows when it is enough. */
import type { JsonLines, KernelEventName } from '@weir/tracer';
import type { EnrichedRecord } from '@weir/tracer/enrich';
import { jsonLine } from '@weir/tracer/json';
import type { Output } from '../output/output.js';
import { noColour, type Paint } from '../text/colour.js';
import { TextFormatter } from '../text/lines.js';
import { tcptracerAcknowledgement, tcptracerLine } from '../text/tcptracer.js';
import type { TraceFormat } from './formats.js';

/** Records formatted and written at a time: some 100 kB, so that a slow reader soon slows down the writer. */
const recordsPerWrite = 512;

export interface PrinterOptions {
  readonly format?: TraceFormat | undefined;
  readonly paint?: Paint;
  /** Do not fit lines to the terminal. */
  readonly wide?: boolean | undefined;
  /** Ends after this many events. */
  readonly count?: number | undefined;
  /** Processes whose descriptors are watched. */
  readonly watchFds?: readonly number[] | undefined;
}

export class Printer {
  readonly printed: Record<KernelEventName, number> = {
    connect: 0,
    accept: 0,
    close: 0,
    fail: 0,
    udp_flow: 0,
    fd_install: 0,
  };
  readonly #output: Output;
  readonly #line: (record: EnrichedRecord) => string;
  readonly #text: TextFormatter | undefined;
  /** Events still to print. */
  #left: number;
  #head: string;
  readonly #onResize = () => this.#resize();

  constructor(options: PrinterOptions, output: Output) {
    const { format = 'text', watchFds = [] } = options;
    this.#output = output;
    this.#left = options.count ?? Number.POSITIVE_INFINITY;
    if (format !== 'text') {
      this.#line = format === 'json' ? jsonLine : tcptracerLine;
      this.#head = format === 'json' ? '' : watchFds.map(tcptracerAcknowledgement).join('');
      return;
    }
    const fit = output.stream.isTTY && !options.wide;
    const text = new TextFormatter({
      width: fit ? output.stream.columns : undefined,
      paint: options.paint ?? noColour,
    });
    this.#text = text;
    this.#line = (record) => text.line(record);
    this.#head = text.header();
    if (fit) output.stream.on('resize', this.#onResize);
  }

  /** Prints what comes before the first record. */
  async begin(): Promise<void> {
    const head = this.#head;
    this.#head = '';
    await this.#write(head);
  }

  /** Returns false when nothing more is to be printed. */
  async print(records: readonly EnrichedRecord[]): Promise<boolean> {
    for (let start = 0; start < records.length; start += recordsPerWrite) {
      await this.#write(this.#format(records.slice(start, start + recordsPerWrite)));
      if (this.#left === 0 || this.#output.broken) return false;
    }
    return true;
  }

  /** Prints lines of JSON that are made already. Returns false when nothing more is to be printed. */
  async printLines({ bytes, counts }: JsonLines): Promise<boolean> {
    await this.#output.writeData(bytes);
    for (const event of Object.keys(this.printed) as KernelEventName[]) this.printed[event] += counts[event];
    return !this.#output.broken;
  }

  #write(text: string): Promise<void> {
    return this.#text === undefined ? this.#output.writeData(text) : this.#output.write(text);
  }

  end(): void {
    this.#output.stream.off('resize', this.#onResize);
  }

  #format(records: readonly EnrichedRecord[]): string {
    let text = this.#head;
    this.#head = '';
    for (const record of records) {
      if (this.#left === 0) break;
      const line = this.#line(record);
      text += line;
      // Records for which the form has no line do not count.
      if (record.event === 'lost' || line === '') continue;
      this.printed[record.event]++;
      this.#left--;
    }
    return text;
  }

  /** From the next record on, lines have the new width, below a header of their own. */
  #resize(): void {
    const { columns } = this.#output.stream;
    if (this.#text === undefined || columns === undefined) return;
    this.#text.resize(columns);
    this.#head = this.#text.header();
  }
}
