/** Standard output that never holds more than one piece of text, and that knows when nobody reads it any more. */
import type { Writable } from 'node:stream';

/** The part of standard output and standard error that Weir uses. */
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

const readerGone = new Set(['EPIPE', 'ERR_STREAM_DESTROYED']);

export class Output {
  readonly stream: OutputStream;
  #brokenListener: (() => void) | undefined;
  #broken = false;

  constructor(stream: OutputStream) {
    this.stream = stream;
    // Without a listener, Node.js throws stream errors; those that matter also reach write()'s callback.
    stream.on('error', (error) => {
      if (isReaderGone(error)) this.#break();
    });
  }

  /** Whether the reader of a pipe has gone away. */
  get broken(): boolean {
    return this.#broken;
  }

  /** Calls `listener` once the reader has gone away. */
  onBroken(listener: () => void): void {
    if (this.#broken) listener();
    else this.#brokenListener = listener;
  }

  /**
   * Resolves when the text has been taken by the kernel, so that a slow reader slows down the writer; or at once
   * when the reader has gone away.
   * @throws any other error of the stream, such as ENOSPC.
   */
  async write(text: string | Uint8Array): Promise<void> {
    if (this.#broken || text.length === 0) return;
    const error = await new Promise<Error | null | undefined>((resolve) => this.stream.write(text, resolve));
    if (!error) return;
    if (!isReaderGone(error)) throw error;
    this.#break();
  }

  #break(): void {
    this.#broken = true;
    this.#brokenListener?.();
    this.#brokenListener = undefined;
  }
}

function isReaderGone(error: Error): boolean {
  return 'code' in error && typeof error.code === 'string' && readerGone.has(error.code);
}
