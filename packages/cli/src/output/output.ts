/** Standard output that never holds more than one piece of text, and that knows when nobody reads it any more. */
import type { Writable } from 'node:stream';
import { inCharset } from '../text/charset.js';
import type { IsWritable } from './descriptor-stream.js';

/** The part of standard output that Weir uses. */
export type OutputStream = Writable & {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  /** Has writes never wait in the kernel from now on; absent where they do not anyway. */
  avoidWaiting?(isWritable: IsWritable): void;
  /** Writes past what waits, before it returns, if it can at all. */
  writeNow?(text: string): void;
};

const readerGone = new Set(['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED']);
/** What a terminal that is gone answers. From other files, these are errors. */
const terminalGone = new Set(['EIO', 'ENXIO']);

export class Output {
  readonly stream: OutputStream;
  #brokenListener: (() => void) | undefined;
  #broken = false;
  /** Ends the wait of a write under way. */
  #release: (() => void) | undefined;

  constructor(stream: OutputStream) {
    this.stream = stream;
    // Without a listener, Node.js throws stream errors; those that matter also reach write()'s callback.
    stream.on('error', (error) => {
      if (this.#isReaderGone(error)) this.#break();
    });
  }

  /** Whether the reader of a pipe, or the terminal, has gone away, or this end has let go of it. */
  get broken(): boolean {
    return this.#broken;
  }

  /** Drops what waits for a slow reader, and what is written from now on. */
  giveUp(): void {
    this.#break();
    this.stream.destroy();
  }

  /** Calls `listener` once the reader has gone away. */
  onBroken(listener: () => void): void {
    if (this.#broken) listener();
    else this.#brokenListener = listener;
  }

  /** Writes text for people, in the characters that the locale has. @throws as `writeData` */
  async write(text: string): Promise<void> {
    await this.writeData(inCharset(text));
  }

  /**
   * Writes data for programs as it is. Resolves when it has been been accepted by the kernel, so that a slow reader slows down the
   * writer; or at once when the reader has gone away.
   * @throws any other error of the stream, such as ENOSPC.
   */
  async writeData(data: string | Uint8Array): Promise<void> {
    if (this.#broken || data.length === 0) return;
    const error = await new Promise<Error | null | undefined>((resolve) => {
      this.#release = () => resolve(undefined);
      this.stream.write(data, resolve);
    });
    if (!error) return;
    if (!this.#isReaderGone(error)) throw error;
    this.#break();
  }

  #isReaderGone(error: Error): boolean {
    if (!('code' in error && typeof error.code === 'string')) return false;
    return readerGone.has(error.code) || (this.stream.isTTY === true && terminalGone.has(error.code));
  }

  #break(): void {
    this.#broken = true;
    this.#release?.();
    this.#brokenListener?.();
    this.#brokenListener = undefined;
  }
}
