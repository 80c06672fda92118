/** Questions of {@link HistoryPart} asked of a history of this host. */
import type { HistoryReader } from '@weir/history';
import { queryEdges, querySides, querySums, withKeys, withoutEnds } from '@weir/history/merge';
import {
  all,
  answer,
  type Condition,
  type FilteredTable,
  filterCondition,
  type GroupKey,
  HostNames,
  queryConnection,
  queryConnections,
  queryGroups,
  queryHosts,
  queryOpenAt,
} from '@weir/history/query';
import { endRows, filterOf, openRows } from '../api/schemas/parameters.js';
import { serviceNames } from '../api/stored-history.js';
import type { CountedFilter, HistoryPart, PartAnswers, PartName, PartQuestions } from './history-part.js';

type Asked<Name extends PartName> = (
  query: PartQuestions[Name] & { readonly signal?: AbortSignal },
) => Promise<PartAnswers[Name]>;

interface Filter {
  readonly filter?: string;
  readonly signal?: AbortSignal;
}

/** The history of this host. @param host The host's name. */
export function localPart(reader: HistoryReader, host: string): HistoryPart {
  const conditionOf = async ({ filter, signal }: Filter, table: FilteredTable = 'ends') => {
    const parsed = filterOf(filter === undefined ? {} : { filter }, table === 'ends' ? endRows : openRows);
    if (parsed.filter === undefined) return undefined;
    const options = { table, services: serviceNames(), ...(signal !== undefined && { signal }) };
    return filterCondition(reader, parsed.filter, options);
  };
  const counted = async (
    query: CountedFilter & Filter,
    by: readonly string[] = [],
    keys?: readonly GroupKey[],
  ) => {
    const { without } = query;
    const hosts =
      by.includes('host') && keys !== undefined ? new HostNames(await queryHosts(reader)) : undefined;
    const conditions = [
      await conditionOf(query),
      without && withoutEnds(without),
      keys && withKeys(by, keys, hosts),
    ].filter((each) => each !== undefined);
    return where(conditions.length === 0 ? undefined : all(...conditions));
  };
  const questions: { readonly [Name in PartName]: Asked<Name> } = {
    connections: async (query) => queryConnections(reader, { ...query, ...where(await conditionOf(query)) }),
    openAt: async (query) => queryOpenAt(reader, { ...query, ...where(await conditionOf(query, 'opens')) }),
    connection: (query) => queryConnection(reader, query),
    losses: ({ range, ...limits }) => answer(reader, range, limits, async () => null),
    hosts: ({ signal }) => queryHosts(reader, signal === undefined ? {} : { signal }),
    sides: async (query) => querySides(reader, { ...query, ...where(await conditionOf(query)) }),
    sums: async (query) => querySums(reader, { ...query, ...(await counted(query, query.by, query.keys)) }),
    edges: async (query) => queryEdges(reader, { ...query, ...(await counted(query)) }),
    percentiles: async (query) =>
      queryGroups(reader, {
        ...query,
        limit: Math.max(1, query.keys.length),
        ...(await counted(query, query.by, query.keys)),
      }),
  };
  return {
    ...{ name: host, host },
    ask: (name, query, signal) => {
      const ask = questions[name] as Asked<typeof name>;
      return ask({ ...query, ...(signal !== undefined && { signal }) });
    },
  };
}

function where(condition: Condition | undefined): { readonly where?: Condition } {
  return condition === undefined ? {} : { where: condition };
}
