/** The questions of the API, asked of a store. */
import { exportHistory, type HistoryReader, type HistoryStore } from '@weir/history';
import {
  answer,
  type FilteredTable,
  filterSource,
  filterSql,
  type GroupsQuery,
  queryCompare,
  queryConnection,
  queryConnections,
  queryGroups,
  queryMap,
  queryOpenAt,
  querySeries,
  querySql,
  type SeriesQuery,
  writeParquet,
} from '@weir/history/query';
import type { HostRow } from '@weir/history/schema';
import { Services } from '@weir/tracer/enrich';
import type { ApiHistory, Filtered } from './history.js';

/** Questions to anything that can be asked: a store, an exported file. */
export function readerHistory(reader: HistoryReader): ApiHistory {
  return {
    connections: (query) => queryConnections(reader, where(query)),
    groups: (query) => queryGroups(reader, where<GroupsQuery>(query)),
    series: (query) => querySeries(reader, where<SeriesQuery>(query)),
    openAt: (query) => queryOpenAt(reader, where(query, 'opens')),
    compare: (query) => queryCompare(reader, where(query)),
    map: (query) => queryMap(reader, where(query)),
    connection: (query) => queryConnection(reader, query),
    losses: (range, limits) => answer(reader, range, limits, async () => null),
    hosts: ({ signal }) => storedHosts(reader, signal),
    sql: (query) => querySql(reader, query),
    parquet: (query) => writeParquet(reader, where(query)),
    exportRange: (range, limits) => exportHistory(reader, { range, ...limits }),
    watermark: undefined,
    readOnly: true,
  };
}

/** Questions to the history of this server. */
export function storedHistory(store: HistoryStore): ApiHistory {
  return Object.defineProperties(readerHistory(store), {
    watermark: { get: () => store.watermark },
    readOnly: { get: () => store.readOnly },
    status: { value: () => store.status() },
  });
}

let services: Services | undefined;

/** Names of ports by which filters may call them. */
export function serviceNames(): Services {
  services ??= Services.read();
  return services;
}

function where<Query>({ filter, ...query }: Filtered<Query>, table: FilteredTable = 'ends') {
  return {
    ...query,
    ...(filter !== undefined && {
      where: filterSql(filter, filterSource(table), { services: serviceNames() }),
    }),
  };
}

const hostColumns = 'host_id, epoch_ns(time), name, machine_id, boot_id, kernel';

/** Hosts and their boots, the newest first. */
export function storedHosts(reader: HistoryReader, signal: AbortSignal | undefined): Promise<HostRow[]> {
  const options = signal === undefined ? {} : { signal };
  return reader.read(async (session) => {
    const rows = await session.query(
      `SELECT ${hostColumns} FROM ${session.source('hosts')} ORDER BY time DESC`,
    );
    return rows.map(([host_id, time, name, machine_id, boot_id, kernel]) => ({
      host_id: host_id as bigint,
      time: time as bigint,
      name: name as string,
      boot_id: boot_id as string,
      ...(machine_id !== null && { machine_id: machine_id as string }),
      ...(kernel !== null && { kernel: kernel as string }),
    }));
  }, options);
}
