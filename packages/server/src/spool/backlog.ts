/**
 * Batches that the server has not acknowledged, in their order: the oldest in memory, and all of them in the spool, which outlives a
 * process that is killed.
 */
import { type BatchSummary, summarizeBatch } from '../wire/decode-batch.js';
import { seldom } from './seldom.js';
import type { Spool, SpooledBatch } from './spool.js';

/** A batch that waits for its acknowledgement. */
export interface BacklogEntry {
  readonly summary: BatchSummary;
  readonly payload: Buffer;
  /** Its place in the spool; undefined where it is only in memory. */
  spooled: SpooledBatch | undefined;
}

/** How a backlog is bounded, and what it reports. */
export interface BacklogOptions {
  /** Bytes of batches in memory; a single batch may be longer. */
  readonly memoryBytes: number;
  /** Without one, what does not fit into memory is dropped. */
  readonly spool?: Spool;
  /** Reports what is damaged in the spool, and refusals of the system there. Collecting goes on. */
  readonly onProblem: (message: string) => void;
}

/** In memory, where each has a file of its own in the spool, are no more than so many. */
const MOST_FILES = 64;

/** First in, first out. Batches go to memory as long as there is room, and nothing in the spool that was not read; else to the spool. */
export class Backlog {
  readonly #options: BacklogOptions;
  readonly #say: (message: string) => void;
  readonly #entries: BacklogEntry[] = [];
  #bytes = 0;
  #sent = 0;

  /** Makes a backlog that begins with what is in the spool. */
  constructor(options: BacklogOptions) {
    this.#options = options;
    this.#say = seldom(options.onProblem);
  }

  /** Bytes of batches in memory. */
  get memoryBytes(): number {
    return this.#bytes;
  }

  /** Bytes of batches in the spool's files. */
  get spoolBytes(): number {
    return this.#options.spool?.bytes ?? 0;
  }

  /** Whether every batch has been acknowledged. */
  get isEmpty(): boolean {
    return this.#entries.length === 0 && (this.#options.spool?.isEmpty ?? true);
  }

  /** Whether all that waits outlives this process. */
  get isSafe(): boolean {
    return this.#entries.every(({ spooled }) => spooled !== undefined);
  }

  /** The runs of collectors whose batches are in memory. */
  get epochs(): string[] {
    return [...new Set(this.#entries.map(({ summary }) => summary.epoch))];
  }

  /** Adds a batch behind all others; false if there is no room for it. */
  add(payload: Buffer, summary: BatchSummary): boolean {
    const { spool } = this.#options;
    if (!this.#mayStay(payload)) return this.#attempt(() => spool?.append(payload)) ?? false;
    this.#push({ summary, payload, spooled: this.#attempt(() => spool?.keep(payload)) });
    return true;
  }

  /** Whether a batch may go to memory: the next one to be sent must not be in the spool. */
  #mayStay(payload: Buffer): boolean {
    const { spool, memoryBytes } = this.#options;
    const hasRoom = this.#bytes === 0 || this.#bytes + payload.length <= memoryBytes;
    if (spool === undefined) return hasRoom;
    return hasRoom && spool.isRead && this.#entries.length < MOST_FILES;
  }

  /** The next batch to send; undefined where all were sent, or where those in memory must be acknowledged first. */
  next(): BacklogEntry | undefined {
    if (this.#sent === this.#entries.length && !this.#mayLoad()) return undefined;
    return this.#entries[this.#sent++];
  }

  /** The connection is lost: what is not acknowledged will be sent again. */
  rewind(): void {
    this.#sent = 0;
  }

  /** Batches of an epoch up to a number are stored. */
  acknowledge(epoch: string, number: number): void {
    for (;;) {
      const [first] = this.#entries;
      if (first === undefined || first.summary.epoch !== epoch || first.summary.number > number) return;
      this.#shift();
    }
  }

  /** Removes the first batch, which no server will store; undefined if none was sent. */
  rejectFirst(): BacklogEntry | undefined {
    return this.#sent === 0 ? undefined : this.#shift();
  }

  /** Puts what is only in memory into the spool, too, for the next collector; false where that is not possible. */
  persist(): boolean {
    const { spool } = this.#options;
    if (this.isSafe) return true;
    // All of them, in one file, so that they are found in their order.
    const places = this.#attempt(() => spool?.prepend(this.#entries.map(({ payload }) => payload)));
    if (places === undefined) return false;
    for (const [index, entry] of this.#entries.entries()) {
      const { spooled } = entry;
      entry.spooled = places[index];
      if (spooled !== undefined) this.#attempt(() => spooled.release());
    }
    return true;
  }

  #mayLoad(): boolean {
    return (this.#bytes === 0 || this.#bytes < this.#options.memoryBytes) && this.#load();
  }

  #load(): boolean {
    for (;;) {
      const spooled = this.#attempt(() => this.#options.spool?.next());
      this.#reportDamages();
      if (spooled === undefined) return false;
      try {
        this.#push({ summary: summarizeBatch(spooled.payload), payload: spooled.payload, spooled });
        return true;
      } catch (error) {
        this.#options.onProblem(`a batch in the spool cannot be read: ${(error as Error).message}`);
        this.#attempt(() => spooled.release());
      }
    }
  }

  #reportDamages(): void {
    for (const { path, bytes } of this.#options.spool?.takeDamages() ?? []) {
      const extent = bytes === undefined ? 'a batch' : `the last ${bytes} bytes`;
      this.#options.onProblem(`${path} is damaged: ${extent} of it cannot be read`);
    }
  }

  #push(entry: BacklogEntry): void {
    this.#entries.push(entry);
    this.#bytes += entry.payload.length;
  }

  #shift(): BacklogEntry {
    const entry = this.#entries.shift();
    this.#bytes -= entry!.payload.length;
    if (this.#sent > 0) this.#sent--;
    const { spooled } = entry!;
    if (spooled !== undefined) this.#attempt(() => spooled.release());
    return entry!;
  }

  /** The disk may be full, or read-only, for long. */
  #attempt<T>(act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      this.#say(`the spool cannot be used: ${(error as Error).message}`);
      return undefined;
    }
  }
}
