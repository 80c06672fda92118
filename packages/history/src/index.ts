/**
 * Keeps records in an embedded database and answers questions about any time.
 *
 * @module @weir/history
 */

export type { Batch, BatchRow, EndRow, HostRow, IntervalRow, LossRow, OpenRow } from './schema/index.js';
