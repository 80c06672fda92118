/** Numbers the batches of one run of a collector, and counts those for which there is no room. */
import type { Batch, BatchRow, HostRow, LossRow } from '@weir/history/schema';
import type { BatchSummary } from '../wire/decode-batch.js';
import { addRows, BatchEncoder, type RowCounts } from '../wire/encode-batch.js';
import { MAX_BATCH_BYTES } from '../wire/frame.js';
import type { Backlog } from './backlog.js';
import { mergeLosses } from './carried-losses.js';

/** One run of a collector. */
export interface Epoch {
  readonly host_id: bigint;
  /** 32 hexadecimal digits, random for each run. */
  readonly epoch: string;
  /** When it began, nanoseconds since 1970. */
  readonly started: bigint;
}

/** The last batch that is kept. */
export interface LastBatch {
  readonly number: number;
  readonly time: bigint;
}

/** What a collector hands over at a time: a batch without what names it. */
export type BatchContent = Omit<Batch, keyof Epoch | 'number' | 'goodbye'> & {
  /** The run ends in order with this batch. */
  readonly goodbye?: boolean;
  /** Further rows, which were laid out as they came. They are in no other batch. */
  readonly laidOut?: BatchEncoder;
};

/** Tables whose rows are counted when they are lost. Hosts and losses are sent with the next batch instead. */
const countedTables = ['ends', 'intervals', 'opens'] as const;

/** Hands batches to a backlog. A batch that does not fit is in the history as a loss. */
export class BatchSender {
  readonly #epoch: Epoch;
  readonly #backlog: Backlog;
  #number: number;
  #keptUntil: bigint;
  #lostRows = 0;
  #carriedHosts: readonly HostRow[] = [];
  #carriedLosses: readonly LossRow[] = [];

  /** Begins a run. @param last The last batch of an earlier process, where this one goes on. */
  constructor(epoch: Epoch, backlog: Backlog, last: LastBatch = { number: 0, time: epoch.started }) {
    this.#epoch = epoch;
    this.#backlog = backlog;
    this.#number = last.number;
    this.#keptUntil = last.time;
  }

  /** The number of the last batch. */
  get number(): number {
    return this.#number;
  }

  /** Rows that were dropped so far. */
  get lostRows(): number {
    return this.#lostRows;
  }

  /** Whether a loss waits for a batch with which it goes. */
  get hasCarriedLosses(): boolean {
    return this.#carriedLosses.length > 0;
  }

  /**
   * Adds a batch. False where there was no room for it: then it is counted, the count goes with the next batch that fits, and a
   * sweep that it held is to be repeated in full.
   */
  send(content: BatchContent): boolean {
    const { laidOut: encoder = new BatchEncoder(), ends, intervals, opens, ...rest } = content;
    const batch = {
      ...rest,
      ...this.#epoch,
      number: this.#number + 1,
      goodbye: rest.goodbye ?? false,
      hosts: [...this.#carriedHosts, ...(rest.hosts ?? [])],
      losses: [...this.#carriedLosses, ...(rest.losses ?? [])],
    };
    const { hosts, losses } = batch;
    addRows(encoder, { hosts, losses, ends: ends ?? [], intervals: intervals ?? [], opens: opens ?? [] });
    const summary = summarize(batch, encoder.rows);
    const payload = encoder.finish(batch);
    if (payload.length <= MAX_BATCH_BYTES && this.#backlog.add(payload, summary)) {
      this.#number = batch.number;
      this.#keptUntil = batch.time;
      this.#carriedHosts = [];
      this.#carriedLosses = [];
      return true;
    }
    const why =
      payload.length > MAX_BATCH_BYTES ? 'a batch was too long' : 'no room while no server took them';
    this.#carriedHosts = hosts;
    this.#carriedLosses = losses;
    this.#drop(summary, this.#keptUntil, why);
    return false;
  }

  /** The server will never store a batch: it is counted, and the count goes with the next batch. */
  rejected(summary: BatchSummary, message: string): void {
    this.#drop(summary, undefined, `the server rejected a batch: ${message}`);
  }

  #drop({ time, rows }: BatchSummary, since: bigint | undefined, why: string): void {
    const lost = countedTables.flatMap((table): LossRow[] => {
      const count = rows[table] ?? 0;
      this.#lostRows += count;
      if (count === 0) return [];
      const { host_id } = this.#epoch;
      const detail = `rows of ${table}: ${why}`;
      return [{ host_id, time, ...(since !== undefined && { since }), count, place: 'history', detail }];
    });
    this.#carriedLosses = mergeLosses([...this.#carriedLosses, ...lost]);
  }
}

function summarize({ epoch, number, time }: BatchRow, rows: RowCounts): BatchSummary {
  return { epoch, number, time, rows };
}
