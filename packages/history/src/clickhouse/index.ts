/**
 * A history's way into ClickHouse: its tables there, and filters as its SQL.
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
