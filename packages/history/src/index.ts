/**
 * Keeps records in an embedded database and answers questions about any time.
 *
 * @module @weir/history
 */

export {
  DamagedHistoryError,
  DiskFullError,
  HistoryError,
  HistoryInUseError,
  InterruptedError,
  NoHistoryError,
  ReadOnlyError,
  UnreadableDatabaseError,
} from './errors.js';
export { type ExportQuery, exportHistory } from './exchange/export-history.js';
export { ExportedHistory, type ExportedOptions } from './exchange/exported-history.js';
export type { Batch, BatchRow, EndRow, HostRow, IntervalRow, LossRow, OpenRow } from './schema/index.js';
export type { Segment } from './store/catalog.js';
export type { Notice } from './store/context.js';
export type { Owner } from './store/files.js';
export { HistoryStore } from './store/history-store.js';
export type { MaintenanceReport } from './store/maintenance.js';
export type { StoreOptions } from './store/options.js';
export type { Retention } from './store/retention.js';
export type { HistoryReader, ReadOptions, Session, TimeRange } from './store/session.js';
export type { StoreStatus } from './store/store-status.js';
