/** What a collector hands over at a time. */
import type { BatchRow, EndRow, HostRow, IntervalRow, LossRow, OpenRow } from './tables.js';

/**
 * Rows of a collector, stored as a whole or not at all. Within an epoch (`epoch`, 32 hexadecimal digits, random for each run of a
 * collector), batches are numbered from 1: a number that is stored already is acknowledged and dropped.
 */
export interface Batch extends BatchRow {
  /** Once an epoch, with its first batch. */
  readonly hosts?: readonly HostRow[];
  readonly ends?: readonly EndRow[];
  readonly intervals?: readonly IntervalRow[];
  readonly opens?: readonly OpenRow[];
  readonly losses?: readonly LossRow[];
}
