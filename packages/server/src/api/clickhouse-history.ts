/** The questions of the API, asked of a ClickHouse that has the history of many hosts. */
import type { ClickhouseHistory } from '@weir/history/clickhouse';
import {
  type EndsChoice,
  type FilteredTable,
  filterSource,
  filterSql,
  type GroupsQuery,
  type SeriesQuery,
  type SqlDialect,
} from '@weir/history/query';
import { Services } from '@weir/tracer/enrich';
import type { ApiHistory, Filtered } from './history.js';

/**
 * Questions to it.
 *
 * @param dialect ClickHouse's, which is loaded with the rest of it.
 * @param watermark Up to where hours of hosts are in.
 */
export function clickhouseHistory(
  history: ClickhouseHistory,
  dialect: SqlDialect,
  watermark: () => bigint | undefined,
): ApiHistory {
  const services = Services.read();
  const where = <Query>({ filter, ...query }: Filtered<Query>, table: FilteredTable = 'ends') => ({
    ...query,
    ...(filter !== undefined && {
      where: filterSql(filter, filterSource(table, dialect), { services, dialect }),
    }),
  });
  return {
    connections: (query) => history.connections(where(query)),
    groups: (query) => history.groups(where<GroupsQuery & EndsChoice>(query)),
    series: (query) => history.series(where<SeriesQuery & EndsChoice>(query)),
    openAt: (query) => history.openAt(where(query, 'opens')),
    compare: (query) => history.compare(where(query)),
    map: (query) => history.map(where(query)),
    connection: (query) => history.connection(query),
    losses: (range, limits) => history.losses(range, limits),
    hosts: (limits) => history.hosts(limits),
    sql: (query) => history.sql(query),
    get watermark() {
      return watermark();
    },
    // It is not the disk of this server that says so.
    readOnly: false,
  };
}
