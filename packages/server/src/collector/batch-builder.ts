/** Rows that wait to be handed over. Pure. */
import type { EndRow, HostRow, IntervalRow, LossRow, OpenRow } from '@weir/history/schema';
import type { BatchContent } from '../spool/batch-sender.js';

/** Collects rows until they are handed over as one batch. */
export class BatchBuilder {
  #hosts: HostRow[] = [];
  #ends: EndRow[] = [];
  #intervals: IntervalRow[] = [];
  #opens: OpenRow[] = [];
  #losses: LossRow[] = [];
  #sweep: 'full' | 'changes' | undefined;

  /** Rows that wait. */
  get rows(): number {
    return this.#ends.length + this.#intervals.length + this.#opens.length + this.#losses.length;
  }

  addHost(row: HostRow): void {
    this.#hosts.push(row);
  }

  addEnd(row: EndRow): void {
    this.#ends.push(row);
  }

  addInterval(row: IntervalRow): void {
    this.#intervals.push(row);
  }

  addLoss(row: LossRow): void {
    this.#losses.push(row);
  }

  /** The batch is to hold a whole sweep. */
  addSweep(sweep: 'full' | 'changes', opens: readonly OpenRow[]): void {
    this.#sweep = sweep;
    // Too many for the arguments of one call.
    for (const row of opens) this.#opens.push(row);
  }

  /** The rows so far, which are handed over from here on. @param moment Up to here, all events are in. */
  take(moment: { readonly time: bigint; readonly monotonicNs: number }, goodbye = false): BatchContent {
    const content: BatchContent = {
      time: moment.time,
      monotonic_ns: moment.monotonicNs,
      goodbye,
      hosts: this.#hosts,
      ends: this.#ends,
      intervals: this.#intervals,
      opens: this.#opens,
      losses: this.#losses,
      ...(this.#sweep !== undefined && { sweep: this.#sweep }),
    };
    this.#hosts = [];
    this.#ends = [];
    this.#intervals = [];
    this.#opens = [];
    this.#losses = [];
    this.#sweep = undefined;
    return content;
  }
}
