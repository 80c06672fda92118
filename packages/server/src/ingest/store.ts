/** What the ingest server needs of the history. */
import type { Batch } from '@weir/history/schema';

/** Stores batches. */
export interface BatchStore {
  /** The highest number of an epoch that is stored; 0 for none. Without it, stored batches are sent again, and dropped. */
  lastNumber?(epoch: string): Promise<number> | number;
  /**
   * Resolves when a batch would survive a crash, with false for one that is stored already, which is dropped. Its columns,
   * of which its rows are made when they are first read, lie in memory that the next one is read into: who keeps it makes a copy, `{ ...batch }`.
   *
   * @throws FormatError, OptionError for a batch that can never be stored; any other error for what may pass
   */
  append(batch: Batch): Promise<boolean>;
  /** A batch was refused for good, and its collector will count it: that its number is missing is no loss of its own. */
  skip?(batch: Pick<Batch, 'epoch' | 'number'>): void;
}
