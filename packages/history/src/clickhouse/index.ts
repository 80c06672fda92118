/**
 * A history's way into ClickHouse: its tables there, what is shipped to them, and filters as its SQL.
 *
 * @module @weir/history/clickhouse
 */

export {
  ClickhouseConnection,
  type StatementParameters,
  type StatementSettings,
} from './clickhouse-connection.js';
export { clickhouseDialect, queryParameters } from './clickhouse-dialect.js';
export { type ClickhouseMigration, type PrepareOptions, prepareClickhouse } from './clickhouse-schema.js';
export { type ShipSource, shipSource } from './ship-source.js';
export { Shipper, type ShipperOptions, type ShippingStatus } from './shipper.js';
