/** A file that grows to a size, or an age, and is then one of a bounded number of earlier ones. */
import { constants } from 'node:fs';
import { type FileHandle, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** How large, how long and how many. */
export interface RotationLimits {
  /** Bytes of one file. */
  readonly bytes: number;
  /** Milliseconds for which one is written. */
  readonly ageMs: number;
  /** Files, with the one that is written. */
  readonly files: number;
}

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_RDWR, O_NONBLOCK } = constants;
const MODE = 0o640;
const LINE_FEED = 0x0a;

/** Appends to it. All files together never have more than `bytes` times `files`. */
export class RotatedFile implements AsyncDisposable {
  readonly #path: string;
  readonly #limits: RotationLimits;
  readonly #nowMs: () => number;
  #file: FileHandle | undefined;
  #bytes = 0;
  #sinceMs = 0;

  constructor(path: string, limits: RotationLimits, nowMs: () => number = Date.now) {
    this.#path = path;
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  /**
   * Appends lines as a whole, or not at all.
   *
   * @throws Error of the system, such as ENOSPC
   */
  async append(lines: Uint8Array): Promise<void> {
    let file = this.#file ?? (await this.#open());
    const isOld = this.#nowMs() - this.#sinceMs >= this.#limits.ageMs;
    if (this.#bytes > 0 && (isOld || this.#bytes + lines.length > this.#limits.bytes)) {
      await this.#rotate();
      file = await this.#open();
    }
    try {
      await file.appendFile(lines);
      this.#bytes += lines.length;
    } catch (error) {
      // A part of them would be damaged lines, and be there twice later.
      await file.truncate(this.#bytes).catch(() => {});
      await this.#close();
      throw error;
    }
  }

  async #open(): Promise<FileHandle> {
    // A pipe of that name would be waited for.
    const file = await open(this.#path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, MODE);
    try {
      const stats = await file.stat();
      if (!stats.isFile()) throw new Error(`${this.#path} is no plain file`);
      this.#bytes = stats.size;
      this.#sinceMs = stats.size === 0 ? this.#nowMs() : Math.min(stats.birthtimeMs, this.#nowMs());
      await this.#endLine(file);
    } catch (error) {
      await file.close();
      throw error;
    }
    this.#file = file;
    await this.#removeBeyond();
    return file;
  }

  /** A host that lost its power may have left half of a line. */
  async #endLine(file: FileHandle): Promise<void> {
    if (this.#bytes === 0) return;
    const last = Buffer.alloc(1);
    await file.read(last, 0, 1, this.#bytes - 1);
    if (last[0] === LINE_FEED) return;
    await file.appendFile('\n');
    this.#bytes++;
  }

  async #rotate(): Promise<void> {
    await this.#close();
    const { files } = this.#limits;
    if (files === 1) return rm(this.#path, { force: true });
    // A crash in between leaves a gap in the numbers, and loses nothing.
    for (let number = files - 1; number >= 1; number--) {
      const from = number === 1 ? this.#path : `${this.#path}.${number - 1}`;
      await rename(from, `${this.#path}.${number}`).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
    }
  }

  /** Files of a time when more were kept. */
  async #removeBeyond(): Promise<void> {
    const folder = dirname(this.#path);
    const prefix = `${basename(this.#path)}.`;
    for (const name of await readdir(folder)) {
      const number = name.startsWith(prefix) ? name.slice(prefix.length) : '';
      if (/^[1-9]\d{0,5}$/.test(number) && Number(number) >= this.#limits.files)
        await rm(join(folder, name), { force: true });
    }
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  /** Closes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}
