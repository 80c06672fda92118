/**
 * Rows of the history from records and from live connections. Needs no database.
 *
 * @module @weir/history/rows
 */

export {
  type ConnectionValues,
  type LiveDetails,
  liveValues,
  type ProcessValues,
  recordValues,
  type Writable,
} from './connection-values.js';
export { type EndContext, type EndRecord, endRow } from './end-row.js';
export { type FlowNumbers, flowIdOf, flowNumbers, idText, nameValue, TimeReader, timeText } from './parts.js';
export {
  type EndpointRecord,
  endRecord,
  type IntervalRecord,
  intervalRecord,
  type LossRecord,
  lossRecord,
  openRecord,
  type ProcessRecord,
  type Rates,
  type RowRecord,
} from './row-record.js';
