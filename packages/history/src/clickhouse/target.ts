/**
 * Which ClickHouse is meant, and how Weir lays its tables out there. Needs no database.
 *
 * @module @weir/history/clickhouse/target
 */

export { type ClickhouseLayout, checkLayout, defaultKeptDays, type KeptDays } from './clickhouse-layout.js';
export {
  type ClickhouseAccess,
  type ClickhouseTarget,
  PASSWORD_VARIABLE,
  parseTarget,
} from './clickhouse-target.js';
