/**
 * A history's way into ClickHouse: its tables there, what is shipped to them, filters as its SQL, and questions about all hosts.
 *
 * @module @weir/history/clickhouse
 */

export {
  ClickhouseConnection,
  type StatementParameters,
  type StatementSettings,
} from './clickhouse-connection.js';
export { clickhouseDialect, queryParameters } from './clickhouse-dialect.js';
export { ClickhouseHistory } from './clickhouse-history.js';
export { type ClickhouseMigration, type PrepareOptions, prepareClickhouse } from './clickhouse-schema.js';
export type { ReaderOptions, ReadingFigures, ReadingStatus } from './read/clickhouse-reader.js';
export type { NewestHour } from './read/newest-hours.js';
export { type ShipSource, shipSource } from './ship-source.js';
export { Shipper, type ShipperOptions, type ShippingStatus } from './shipper.js';
