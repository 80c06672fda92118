/** The questions of the API, asked of a store. */
import { exportHistory, type HistoryReader, type HistoryStore } from '@weir/history';
import {
  answer,
  type FilteredTable,
  filterCondition,
  type GroupsQuery,
  type QueryLimits,
  queryCompare,
  queryConnection,
  queryConnections,
  queryGroups,
  queryHosts,
  queryMap,
  queryOpenAt,
  querySeries,
  querySql,
  type SeriesQuery,
  writeParquet,
} from '@weir/history/query';
import { Services } from '@weir/tracer/enrich';
import type { ApiHistory, Filtered } from './history.js';
import { namedHosts } from './named-hosts.js';

/** Questions to anything that can be asked: a store, an exported file. */
export function readerHistory(reader: HistoryReader): ApiHistory {
  const asked = <Query extends QueryLimits>(query: Filtered<Query>, table?: FilteredTable) =>
    where(reader, query, table);
  return namedHosts({
    connections: async (query) => queryConnections(reader, await asked(query)),
    groups: async (query) => queryGroups(reader, await asked<GroupsQuery>(query)),
    series: async (query) => querySeries(reader, await asked<SeriesQuery>(query)),
    openAt: async (query) => queryOpenAt(reader, await asked(query, 'opens')),
    compare: async (query) => queryCompare(reader, await asked(query)),
    map: async (query) => queryMap(reader, await asked(query)),
    connection: (query) => queryConnection(reader, query),
    losses: (range, limits) => answer(reader, range, limits, async () => null),
    hosts: ({ signal }) => queryHosts(reader, signal === undefined ? {} : { signal }),
    sql: (query) => querySql(reader, query),
    parquet: async (query) => writeParquet(reader, await asked(query)),
    exportRange: (range, limits) => exportHistory(reader, { range, ...limits }),
    watermark: undefined,
    readOnly: true,
  });
}

/** Questions to the history of this server. */
export function storedHistory(store: HistoryStore): ApiHistory {
  return Object.defineProperties(readerHistory(store), {
    watermark: { get: () => store.watermark },
    readOnly: { get: () => store.readOnly },
    status: { value: () => store.status() },
  });
}

/** Asks with the condition that a filter makes. */
async function where<Query extends QueryLimits>(
  reader: HistoryReader,
  { filter, ...query }: Filtered<Query>,
  table: FilteredTable = 'ends',
) {
  const { signal } = query as QueryLimits;
  const options = { table, services: serviceNames(), ...(signal !== undefined && { signal }) };
  return {
    ...query,
    ...(filter !== undefined && { where: await filterCondition(reader, filter, options) }),
  };
}

let services: Services | undefined;

/** Names of ports by which filters may call them. */
export function serviceNames(): Services {
  services ??= Services.read();
  return services;
}
