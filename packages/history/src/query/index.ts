/**
 * Questions about a history: connections, groups, series, what was open, comparisons, SQL.
 *
 * @module @weir/history/query
 */

export type { RowId } from '../rollup/id-filter.js';
export {
  type Answer,
  answer,
  type Coverage,
  coverageOf,
  type Incomplete,
  type QueryLimits,
} from './answer.js';
export {
  type Change,
  type CompareQuery,
  type Comparison,
  compareGroup,
  type Difference,
  queryCompare,
} from './compare.js';
export { all, always, type Condition, within } from './condition.js';
export {
  type ConnectionHistory,
  type ConnectionKey,
  type ConnectionQuery,
  queryConnection,
} from './connection.js';
export { type ConnectionSort, connectionSorts, readSort } from './connection-orders.js';
export { type ConnectionsPage, type ConnectionsQuery, queryConnections } from './connections.js';
export type { EndsChoice } from './ends-choice.js';
export { type GroupField, groupFields } from './fields.js';
export { type FilteredTable, filterSource } from './filter-source.js';
export {
  type FilterSource,
  type FilterSqlOptions,
  filterSql,
} from './filter-sql.js';
export { type Group, type Groups, type GroupsQuery, queryGroups } from './groups.js';
export { HostNames, type NamedHost, namesHosts, withHostNames } from './host-names.js';
export type { GroupKey, KeyValue } from './keys.js';
export { type ListedOpenQuery, queryListedOpen } from './listed-open.js';
export { type ConnectionMap, type MapEdge, type MapNode, type MapQuery, queryMap } from './map.js';
export { type MeasureOrder, type Measures, measureOrders } from './measures.js';
export { type OpenAt, type OpenAtQuery, type OpenConnection, queryOpenAt } from './open-at.js';
export { newFileError, type ParquetQuery, writeParquet } from './parquet.js';
export type { BoundValue } from './placeholders.js';
export { type Point, querySeries, type Series, type SeriesQuery } from './series.js';
export { querySql, type SqlQuery, type SqlResult } from './sql.js';
export { duckdbDialect, type SqlDialect, type ValueBinder } from './sql-dialect.js';
export { filterCondition, queryHosts } from './stored-hosts.js';
export type { TimeOptions } from './time/moment.js';
export { parseTime, parseTimeRange } from './time/range.js';
export { systemZone } from './time/zone.js';
