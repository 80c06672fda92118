/** A stand-in for standard output that keeps what it is given. */
import { Writable } from 'node:stream';
import type { OutputStream } from '../../src/output/output.js';

export class Capture extends Writable implements OutputStream {
  text = '';
  readonly isTTY: boolean;
  columns: number;
  /** Error to answer writes with, once this many were taken. */
  failAfter = Number.POSITIVE_INFINITY;
  failure: NodeJS.ErrnoException = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
  /** While set, writes are not taken. */
  blocked: Promise<void> | undefined;
  writes = 0;

  constructor(options: { isTTY?: boolean; columns?: number } = {}) {
    super({ decodeStrings: false });
    this.isTTY = options.isTTY ?? false;
    this.columns = options.columns ?? 80;
  }

  override _write(chunk: string, _: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (this.writes++ >= this.failAfter) {
      callback(this.failure);
      return;
    }
    this.text += chunk;
    if (this.blocked === undefined) callback();
    else void this.blocked.then(() => callback());
  }
}
