/** The questions of the API, asked of a ClickHouse that has the history of many hosts. */
import type { ClickhouseHistory } from '@weir/history/clickhouse';
import {
  type EndsChoice,
  type FilteredTable,
  filterSource,
  filterSql,
  type GroupsQuery,
  HostNames,
  namesHosts,
  type QueryLimits,
  type SeriesQuery,
  type SqlDialect,
} from '@weir/history/query';
import { Services } from '@weir/tracer/enrich';
import type { ApiHistory, Filtered } from './history.js';
import { namedHosts } from './named-hosts.js';

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
  const where = async <Query extends QueryLimits>(
    { filter, ...query }: Filtered<Query>,
    table: FilteredTable = 'ends',
  ) => {
    if (filter === undefined) return query;
    const { known } = new HostNames(namesHosts(filter) ? await history.hosts(query as QueryLimits) : []);
    const source = filterSource(table, dialect, known);
    return { ...query, where: filterSql(filter, source, { services, dialect }) };
  };
  return namedHosts({
    connections: async (query) => history.connections(await where(query)),
    groups: async (query) => history.groups(await where<GroupsQuery & EndsChoice>(query)),
    series: async (query) => history.series(await where<SeriesQuery & EndsChoice>(query)),
    openAt: async (query) => history.openAt(await where(query, 'opens')),
    compare: async (query) => history.compare(await where(query)),
    map: async (query) => history.map(await where(query)),
    connection: (query) => history.connection(query),
    losses: (range, limits) => history.losses(range, limits),
    hosts: (limits) => history.hosts(limits),
    sql: (query) => history.sql(query),
    parquet: async (query) => history.parquet(await where(query)),
    get watermark() {
      return watermark();
    },
    // It is not the disk of this server that says so.
    readOnly: false,
  });
}
