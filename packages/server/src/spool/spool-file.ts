/** One file of the spool: written to its end, or read from its start. */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  statSync,
  unlinkSync,
  writevSync,
} from 'node:fs';
import { isIntact, RECORD_HEADER_BYTES, recordHeader, recordLength, spoolHeader } from './spool-format.js';

/** What reading a file comes upon next. */
export type ReadResult =
  | { readonly kind: 'batch'; readonly payload: Buffer }
  /** The batch is damaged, and the next one can be read. */
  | { readonly kind: 'damaged' }
  /** The rest of the file cannot be read. `bytes` is its length: 0 at the end of a file that is whole. */
  | { readonly kind: 'end'; readonly bytes: number };

/** A file that grows by whole batches. */
export class SpoolWriter implements Disposable {
  readonly path: string;
  readonly #fd: number;
  #bytes: number;

  /** Creates a file for its owner only. @throws Error of the system, with no file left */
  constructor(path: string) {
    const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
    this.path = path;
    this.#fd = openSync(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600);
    this.#bytes = 0;
    try {
      this.#write([spoolHeader]);
    } catch (error) {
      this[Symbol.dispose]();
      unlinkSync(path);
      throw error;
    }
  }

  /** Bytes written so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Appends a batch as a whole. @throws Error of the system, such as ENOSPC, with the file as it was before */
  append(payload: Uint8Array): void {
    this.#write([recordHeader(payload), payload]);
  }

  #write(pieces: readonly Uint8Array[]): void {
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    let written = 0;
    try {
      while (written < length) written += writevSync(this.#fd, rest(pieces, written), this.#bytes + written);
    } catch (error) {
      ftruncateSync(this.#fd, this.#bytes);
      throw error;
    }
    this.#bytes += length;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

/** What is left to write after some bytes. */
function rest(pieces: readonly Uint8Array[], written: number): Uint8Array[] {
  let skip = written;
  return pieces.flatMap((piece) => {
    const part = piece.subarray(Math.min(skip, piece.length));
    skip = Math.max(0, skip - piece.length);
    return part.length === 0 ? [] : [part];
  });
}

/** Reads the batches of a file, which may grow meanwhile. */
export class SpoolReader implements Disposable {
  readonly path: string;
  readonly #fd: number;
  #offset = 0;

  /** Opens a file. @throws Error of the system */
  constructor(path: string) {
    this.path = path;
    this.#fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#offset;
  }

  /** Reads on. @throws Error of the system */
  next(): ReadResult {
    const size = fstatSync(this.#fd).size;
    if (this.#offset === 0) {
      const start = this.#read(spoolHeader.length);
      if (!start.equals(spoolHeader)) return { kind: 'end', bytes: size };
      this.#offset = spoolHeader.length;
    }
    const header = this.#read(RECORD_HEADER_BYTES);
    if (header.length === 0) return { kind: 'end', bytes: 0 };
    const length = recordLength(header);
    const end = this.#offset + RECORD_HEADER_BYTES + (length ?? 0);
    if (length === undefined || end > size) return { kind: 'end', bytes: size - this.#offset };
    const payload = this.#read(length, RECORD_HEADER_BYTES);
    this.#offset = end;
    return isIntact(header, payload) ? { kind: 'batch', payload } : { kind: 'damaged' };
  }

  #read(length: number, skip = 0): Buffer {
    const buffer = Buffer.allocUnsafeSlow(length);
    let count = 0;
    while (count < length) {
      const position = this.#offset + skip + count;
      const read = readSync(this.#fd, buffer, count, length - count, position);
      if (read === 0) break;
      count += read;
    }
    return buffer.subarray(0, count);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

/** Bytes of a file. */
export function fileBytes(path: string): number {
  return statSync(path).size;
}
