/** Standard error: short notices, which nobody waits for. */
import { inCharset } from '../text/charset.js';
import type { OutputStream } from './output.js';

/** The part of standard error that Weir uses. */
export interface ErrorOutput {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** Bytes that may wait for a reader. */
const MOST_WAITING = 256 * 1024;

/** Holds a bounded amount of text for a slow reader; what comes on top is counted, and the count is written. */
export class Notices implements ErrorOutput {
  readonly #stream: OutputStream;
  readonly #mostWaiting: number;
  #dropped = 0;

  constructor(stream: OutputStream, mostWaiting = MOST_WAITING) {
    this.#stream = stream;
    this.#mostWaiting = mostWaiting;
    // If standard error is gone, there is nowhere left to report that.
    stream.on('error', () => undefined);
  }

  get isTTY(): boolean {
    return this.#stream.isTTY === true;
  }

  get columns(): number | undefined {
    return this.#stream.columns;
  }

  write(text: string): void {
    if (this.#stream.destroyed) return;
    if (this.#stream.writableLength > this.#mostWaiting) this.#dropped += text.split('\n').length - 1;
    else this.#stream.write(inCharset(text), () => this.#reportDropped());
  }

  #reportDropped(): void {
    const dropped = this.#dropped;
    if (dropped === 0 || this.#stream.writableLength > this.#mostWaiting) return;
    this.#dropped = 0;
    this.write(`weir: ${dropped} lines are missing here: standard error was not read\n`);
  }
}
