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
  /** Numbers that this process has passed over. */
  readonly #skipped = new Map<string, number>();
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

  /** The losses that come with a batch: the time before its epoch, and batches before it that never came. */
  lossesBefore(batch: Batch): LossRow[] {
    return [this.#lossBeforeEpoch(batch), this.#lossOfBatches(batch)].filter((loss) => loss !== undefined);
  }

  /** A batch will never be stored, and whoever made it has counted that. */
  skip({ epoch, number }: Pick<Batch, 'epoch' | 'number'>): void {
    this.#skipped.set(epoch, Math.max(number, this.#skipped.get(epoch) ?? 0));
  }

  /** Batches wait in the memory of a collector, and later ones in its spool, which alone outlives it. */
  #lossOfBatches({ epoch, number, host_id, started, time }: Batch): LossRow | undefined {
    const first = Math.max(this.lastNumber(epoch), this.#skipped.get(epoch) ?? 0) + 1;
    // A history that knows no run at all has been begun anew.
    if (number <= first || this.#last === undefined) return undefined;
    const which = number === first + 1 ? `batch ${first}` : `batches ${first} to ${number - 1}`;
    return {
      host_id,
      since: this.#known.get(epoch)?.time ?? started,
      time,
      place: 'history',
      detail: `${which} of a collector never came: it ended while they waited, or its spool was damaged`,
    };
  }

  /** Comes with the first batch of an epoch, where the one before did not end in order. */
  #lossBeforeEpoch(batch: Batch): LossRow | undefined {
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
      // The tracer looks for such losses every ten seconds.
      detail:
        'the collector ended without a goodbye; what was lost in the ring in the 12 s before is not known either',
    };
  }

  /** To be called once a batch is stored. */
  add({ epoch, host_id, number, time, goodbye }: Batch): void {
    const before = this.#known.get(epoch);
    this.#set({ epoch, hostId: host_id, number, time, goodbye: goodbye || before?.goodbye === true });
  }
}
