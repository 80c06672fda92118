/** Rows that wait to be handed over. Pure. */
import type { EndRow, HostRow, IntervalRow, LossRow, OpenRow } from '@weir/history/schema';
import type { BatchContent } from '../spool/batch-sender.js';
import { BatchEncoder } from '../wire/encode-batch.js';

/** Collects rows until they are handed over as one batch. */
export class BatchBuilder {
  /** Rows are laid out at once: kept as objects, they would cost more to collect as garbage than to make. */
  readonly #encoder = new BatchEncoder();
  #hosts: HostRow[] = [];
  #losses: LossRow[] = [];
  #rows = 0;
  #sweep: 'full' | 'changes' | undefined;

  /** Rows that wait. */
  get rows(): number {
    return this.#rows;
  }

  /** For rows that are put down many at a time: see {@link added}. */
  get encoder(): BatchEncoder {
    return this.#encoder;
  }

  /** Rows of ends were put into the encoder. */
  added(rows: number): void {
    this.#rows += rows;
  }

  addHost(row: HostRow): void {
    this.#hosts.push(row);
  }

  addEnd(row: EndRow): void {
    this.#encoder.add('ends', row);
    this.#rows++;
  }

  addInterval(row: IntervalRow): void {
    this.#encoder.add('intervals', row);
    this.#rows++;
  }

  addLoss(row: LossRow): void {
    this.#losses.push(row);
    this.#rows++;
  }

  /** The batch is to hold a whole sweep. */
  addSweep(sweep: 'full' | 'changes', opens: readonly OpenRow[]): void {
    this.#sweep = sweep;
    for (const row of opens) this.#encoder.add('opens', row);
    this.#rows += opens.length;
  }

  /**
   * The rows so far, which are handed over from here on, and have to be encoded before the next one is added.
   *
   * @param moment Up to here, all events are in.
   */
  take(moment: { readonly time: bigint; readonly monotonicNs: number }, goodbye = false): BatchContent {
    const content: BatchContent = {
      time: moment.time,
      monotonic_ns: moment.monotonicNs,
      goodbye,
      hosts: this.#hosts,
      losses: this.#losses,
      laidOut: this.#encoder,
      ...(this.#sweep !== undefined && { sweep: this.#sweep }),
    };
    this.#hosts = [];
    this.#losses = [];
    this.#rows = 0;
    this.#sweep = undefined;
    return content;
  }
}
