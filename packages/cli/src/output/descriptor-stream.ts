/** Writing to a descriptor without changing anything about its open file, and, where asked, without waiting in the kernel. */
import { writeSync } from 'node:fs';
import { Writable } from 'node:stream';

/** Whether poll(2) says that a descriptor can be written to. */
export type IsWritable = (fd: number) => boolean;

/** PIPE_BUF: what is writable takes so much without waiting. */
const ATOMIC_BYTES = 4096;
/** Milliseconds between attempts while a reader is slow: the first and the longest. */
const pauses = { first: 1, longest: 16 } as const;

type Callback = (error?: Error | null) => void;

/** Writes through a descriptor that never waits: a file, or an open file of Weir's own with O_NONBLOCK. */
export class DescriptorStream extends Writable {
  readonly fd: number;
  #pause: number = pauses.first;
  #timer: NodeJS.Timeout | undefined;

  constructor(fd: number) {
    super();
    this.fd = fd;
  }

  override _write(chunk: Buffer, _: BufferEncoding, callback: Callback): void {
    this.#advance(chunk, 0, callback);
  }

  override _destroy(error: Error | null, callback: Callback): void {
    clearTimeout(this.#timer);
    callback(error);
  }

  /** Writes past what waits, before it returns, if it can at all. */
  writeNow(text: string): void {
    try {
      writeSync(this.fd, text);
    } catch {
      // There is nobody to read it, or too much before it.
    }
  }

  /** Bytes that may be written now. */
  protected room(wanted: number): number {
    return wanted;
  }

  #advance(chunk: Buffer, start: number, callback: Callback): void {
    let offset = start;
    try {
      while (offset < chunk.length) {
        const written = this.#attempt(chunk, offset);
        if (written === 0) {
          this.#timer = setTimeout(() => this.#advance(chunk, offset, callback), this.#nextPause());
          return;
        }
        offset += written;
        this.#pause = pauses.first;
      }
    } catch (error) {
      callback(error as Error);
      return;
    }
    callback();
  }

  /** Bytes that were written. */
  #attempt(chunk: Buffer, offset: number): number {
    const room = this.room(chunk.length - offset);
    try {
      return room === 0 ? 0 : writeSync(this.fd, chunk, offset, room);
    } catch (error) {
      // Also of an inherited descriptor: somebody else may have set O_NONBLOCK.
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
      throw error;
    }
  }

  #nextPause(): number {
    const pause = this.#pause;
    this.#pause = Math.min(2 * pause, pauses.longest);
    return pause;
  }
}

/**
 * Writes through an inherited descriptor that cannot be opened again, such as a socket. Writes wait in the kernel for a
 * slow reader, which is right for a command that prints and ends; one that has other work calls `avoidWaiting`.
 */
export class InheritedStream extends DescriptorStream {
  #isWritable: IsWritable | undefined;

  /** From now on, writes only what the descriptor takes at once, and lets the process go on meanwhile. */
  avoidWaiting(isWritable: IsWritable): void {
    this.#isWritable = isWritable;
  }

  protected override room(wanted: number): number {
    const isWritable = this.#isWritable;
    if (isWritable === undefined) return wanted;
    return isWritable(this.fd) ? Math.min(wanted, ATOMIC_BYTES) : 0;
  }
}
