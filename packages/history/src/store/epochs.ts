/** What is stored of each run of a collector, so that a batch is stored once, and the time in which none ran is known. */
import type { DuckDBConnection } from '@duckdb/node-api';
import { type Batch, type LossRow, RECENT } from '../schema/index.js';
import { query } from './catalog.js';

interface Epoch {
  readonly epoch: string;
  readonly hostId: bigint;
  /** The number of its last stored batch; `time` and `hostId` are from it too. */
  readonly number: number;
  readonly time: bigint;
  readonly goodbye: boolean;
}

/** The stored epochs. */
export class Epochs {
  readonly #known = new Map<string, Epoch>();
  #last: Epoch | undefined;

  static async load(connection: DuckDBConnection): Promise<Epochs> {
    const epochs = new Epochs();
    const rows = await query(
      connection,
      `SELECT epoch, arg_max(host_id, number), max(number), epoch_ns(arg_max(time, number)), bool_or(goodbye)
       FROM ${RECENT}.batches GROUP BY epoch ORDER BY max(rowid)`,
    );
    for (const [epoch, hostId, number, time, goodbye] of rows)
      epochs.#set({
        epoch: epoch as string,
        hostId: hostId as bigint,
        number: Number(number),
        time: time as bigint,
        goodbye: goodbye as boolean,
      });
    return epochs;
  }

  #set(epoch: Epoch): void {
    this.#known.set(epoch.epoch, epoch);
    this.#last = epoch;
  }

  /** Up to here all events of the latest epoch are stored; undefined before the first batch. */
  get watermark(): bigint | undefined {
    return this.#last?.time;
  }

  /** The number of the last stored batch of an epoch; 0: none is stored. */
  lastNumber(epoch: string): number {
    return this.#known.get(epoch)?.number ?? 0;
  }

  /** Whether a batch is stored already. */
  has({ epoch, number }: Batch): boolean {
    return number <= this.lastNumber(epoch);
  }

  /** The loss that comes with the first batch of an epoch, where the one before did not end in order. */
  lossBefore(batch: Batch): LossRow | undefined {
    const last = this.#last;
    if (last === undefined || last.goodbye || this.#known.has(batch.epoch)) return undefined;
    // A clock that was set back in between makes the span run backwards.
    const [since, time] =
      last.time <= batch.started ? [last.time, batch.started] : [batch.started, last.time];
    return {
      host_id: last.hostId,
      since,
      time,
      place: 'collector',
      detail: 'the collector ended without a goodbye',
    };
  }

  /** To be called once a batch is stored. */
  add({ epoch, host_id, number, time, goodbye }: Batch): void {
    const before = this.#known.get(epoch);
    this.#set({ epoch, hostId: host_id, number, time, goodbye: goodbye || before?.goodbye === true });
  }
}
