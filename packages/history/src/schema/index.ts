/**
 * Tables, columns and row types of the history. Needs no database.
 *
 * @module @weir/history/schema
 */

export type { Batch, ColumnArray, ColumnValues, TableColumns } from './batch.js';
export {
  addressOf,
  type Column,
  type ColumnKind,
  type Columns,
  columnTypes,
  type KindValues,
  oneOf,
  optional,
  type RowOf,
  required,
} from './column.js';
export {
  type CompactColumn,
  type CompactColumns,
  compactColumns,
  segmentColumns,
  tableColumns,
} from './compact.js';
export { columnDefinition, createTable, quoteName, quoteText, selectList } from './ddl.js';
export { currentSchema, type Migration, type Schema } from './schema.js';
export {
  SHARED_ENDS,
  SHARED_NUMBER,
  SHORT_ENDS,
  SHORT_ENDS_SINCE,
  selectShortEnds,
  sharedColumns,
  shortColumns,
  shortTables,
} from './short-ends.js';
export {
  type BatchRow,
  batchColumns,
  columnsOf,
  type EndRow,
  endColumns,
  type HostRow,
  hostColumns,
  type IntervalRow,
  intervalColumns,
  type LossRow,
  lossColumns,
  type OpenRow,
  openColumns,
  RECENT,
  SCHEMA_VERSION,
  type SegmentTable,
  segmentTables,
  type TableName,
  tables,
} from './tables.js';
