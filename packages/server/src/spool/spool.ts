/** A folder of files with batches that no server has stored yet: first in, first out, bounded, and left by a killed process as it is. */
import { chmodSync, lstatSync, mkdirSync, readdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { OptionError } from '@weir/ebpf/errors';
import { fileBytes, SpoolReader, SpoolWriter } from './spool-file.js';
import { RECORD_HEADER_BYTES, spoolFileName, spoolFileNumber, spoolHeader } from './spool-format.js';

/** Where new files begin: below it is room for batches that go before all others. */
const FIRST_NUMBER = 500_000_000_000;

/** How a spool is bounded. */
export interface SpoolOptions {
  /** A folder of the collector's own, made if it is missing. */
  readonly folder: string;
  /** Bytes of all files together. */
  readonly maxBytes: number;
  /** Bytes after which a new file is begun. */
  readonly fileBytes: number;
}

interface SpoolFile {
  readonly path: string;
  readonly number: number;
  bytes: number;
  /** Batches that were read from it and are not stored yet. */
  pending: number;
  /** Everything in it has been read. */
  isRead: boolean;
}

/** A batch that was read, which holds its file until it is released. */
export interface SpooledBatch {
  readonly payload: Buffer;
  /** The batch is stored: when all of a file are, it is removed. */
  release(): void;
}

/** What was found in the spool instead of a batch. */
export interface SpoolDamage {
  readonly path: string;
  /** Bytes that cannot be read; undefined: one batch. */
  readonly bytes: number | undefined;
}

/** Batches on disk, first in, first out. */
export class Spool implements Disposable {
  readonly #options: SpoolOptions;
  readonly #files: SpoolFile[] = [];
  readonly #damages: SpoolDamage[] = [];
  #writer: SpoolWriter | undefined;
  #reader: { readonly file: SpoolFile; readonly reader: SpoolReader } | undefined;

  /** Opens a folder with what an earlier process left in it. @throws OptionError if others may write there; Error of the system */
  constructor(options: SpoolOptions) {
    this.#options = options;
    const { folder } = options;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    requireOwnFolder(folder);
    const numbers = readdirSync(folder).flatMap((name) => spoolFileNumber(name) ?? []);
    for (const number of numbers.sort((a, b) => a - b)) {
      const path = join(folder, spoolFileName(number));
      this.#files.push({ path, number, bytes: fileBytes(path), pending: 0, isRead: false });
    }
  }

  /** Bytes of all files. */
  get bytes(): number {
    return this.#files.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Whether nothing is in it: neither to be read, nor read and not stored yet. */
  get isEmpty(): boolean {
    return this.#files.length === 0;
  }

  /** What could not be read since the last call. */
  takeDamages(): SpoolDamage[] {
    return this.#damages.splice(0);
  }

  /** Appends a batch; whether there was room. @throws Error of the system, with nothing appended */
  append(payload: Uint8Array): boolean {
    const needed =
      RECORD_HEADER_BYTES + payload.length + (this.#writer === undefined ? spoolHeader.length : 0);
    if (this.bytes + needed > this.#options.maxBytes) return false;
    const file = this.#writableFile();
    this.#writer!.append(payload);
    file.bytes = this.#writer!.bytes;
    if (file.bytes >= this.#options.fileBytes) this.#closeWriter();
    return true;
  }

  /** Whether all that is in it has been read. */
  get isRead(): boolean {
    return this.#files.every(({ isRead }) => isRead);
  }

  /**
   * Keeps a copy of a batch that goes to the server from memory, in a file of its own, which counts as read.
   *
   * @returns undefined where there is no room. @throws Error of the system, with nothing added
   */
  keep(payload: Buffer): SpooledBatch | undefined {
    const needed = spoolHeader.length + RECORD_HEADER_BYTES + payload.length;
    if (this.bytes + needed > this.#options.maxBytes) return undefined;
    this.#closeWriter();
    const file = this.#writeRead((this.#files.at(-1)?.number ?? FIRST_NUMBER - 1) + 1, [payload]);
    this.#files.push(file);
    return this.#hold(file, payload);
  }

  /**
   * Puts batches before all others, however many they are: those which a process has in memory, and keeps there. They count as
   * read.
   *
   * @throws Error of the system, with nothing added
   */
  prepend(payloads: readonly Buffer[]): SpooledBatch[] {
    if (payloads.length === 0) return [];
    const file = this.#writeRead((this.#files[0]?.number ?? FIRST_NUMBER) - 1, payloads);
    this.#files.unshift(file);
    return payloads.map((payload) => this.#hold(file, payload));
  }

  #writeRead(number: number, payloads: readonly Buffer[]): SpoolFile {
    const path = join(this.#options.folder, spoolFileName(number));
    using writer = new SpoolWriter(path);
    try {
      for (const payload of payloads) writer.append(payload);
    } catch (error) {
      unlinkSync(path);
      throw error;
    }
    return { path, number, bytes: writer.bytes, pending: 0, isRead: true };
  }

  /** The next batch; undefined when all have been read. @throws Error of the system */
  next(): SpooledBatch | undefined {
    for (;;) {
      const current = this.#currentReader();
      if (current === undefined) return undefined;
      const { file, reader } = current;
      const result = reader.next();
      if (result.kind === 'batch') return this.#hold(file, result.payload);
      if (result.kind === 'damaged') {
        this.#damages.push({ path: file.path, bytes: undefined });
      } else {
        // The file that is being written to may grow by a batch that is to be read.
        if (result.bytes > 0) this.#damages.push({ path: file.path, bytes: result.bytes });
        else if (file.path === this.#writer?.path && file.pending > 0) return undefined;
        this.#finishReading(file);
      }
    }
  }

  #hold(file: SpoolFile, payload: Buffer): SpooledBatch {
    file.pending++;
    let isReleased = false;
    return {
      payload,
      release: () => {
        if (isReleased) return;
        isReleased = true;
        file.pending--;
        // Its end may not have been seen yet.
        if (file.pending === 0 && file.path === this.#writer?.path && this.#isReadToEnd(file))
          this.#finishReading(file);
        else this.#removeIfDone(file);
      },
    };
  }

  #isReadToEnd(file: SpoolFile): boolean {
    return this.#reader?.file === file && this.#reader.reader.offset === file.bytes;
  }

  #finishReading(file: SpoolFile): void {
    if (file.path === this.#writer?.path) this.#closeWriter();
    this.#closeReader();
    file.isRead = true;
    this.#removeIfDone(file);
  }

  #removeIfDone(file: SpoolFile): void {
    if (!file.isRead || file.pending > 0) return;
    const index = this.#files.indexOf(file);
    if (index < 0) return;
    this.#files.splice(index, 1);
    unlinkSync(file.path);
  }

  #currentReader() {
    if (this.#reader !== undefined) return this.#reader;
    const file = this.#files.find(({ isRead }) => !isRead);
    if (file === undefined) return undefined;
    this.#reader = { file, reader: new SpoolReader(file.path) };
    return this.#reader;
  }

  #writableFile(): SpoolFile {
    if (this.#writer === undefined) {
      const number = (this.#files.at(-1)?.number ?? FIRST_NUMBER - 1) + 1;
      const path = join(this.#options.folder, spoolFileName(number));
      this.#writer = new SpoolWriter(path);
      this.#files.push({ path, number, bytes: this.#writer.bytes, pending: 0, isRead: false });
    }
    return this.#files.at(-1)!;
  }

  #closeWriter(): void {
    this.#writer?.[Symbol.dispose]();
    this.#writer = undefined;
  }

  #closeReader(): void {
    this.#reader?.reader[Symbol.dispose]();
    this.#reader = undefined;
  }

  /** Closes the files and leaves them where they are. */
  [Symbol.dispose](): void {
    this.#closeWriter();
    this.#closeReader();
  }
}

/** A process of another user could exchange files of a folder that is not its owner's alone. */
function requireOwnFolder(folder: string): void {
  const { uid } = lstatSync(folder);
  const isOwn = lstatSync(folder).isDirectory() && uid === process.geteuid?.();
  if (!isOwn) throw new OptionError(`${folder} is no folder of the user who runs the collector`);
  chmodSync(folder, 0o700);
}
