/** Questions of {@link HistoryPart} asked of a history of this host. */
import type { HistoryReader } from '@weir/history';
import { queryEdges, querySides, querySums, withKeys, withoutEnds } from '@weir/history/merge';
import {
  all,
  answer,
  type Condition,
  type FilteredTable,
  filterSource,
  filterSql,
  queryConnection,
  queryConnections,
  queryGroups,
  queryOpenAt,
} from '@weir/history/query';
import { endRows, filterOf, openRows } from '../api/schemas/parameters.js';
import { serviceNames, storedHosts } from '../api/stored-history.js';
import type { CountedFilter, HistoryPart, PartAnswers, PartName, PartQuestions } from './history-part.js';

type Asked<Name extends PartName> = (
  query: PartQuestions[Name] & { readonly signal?: AbortSignal },
) => Promise<PartAnswers[Name]>;

/** The history of this host. @param host The host's name. */
export function localPart(reader: HistoryReader, host: string): HistoryPart {
  const questions: { readonly [Name in PartName]: Asked<Name> } = {
    connections: (query) => queryConnections(reader, { ...query, ...where(conditionOf(query.filter)) }),
    openAt: (query) => queryOpenAt(reader, { ...query, ...where(conditionOf(query.filter, 'opens')) }),
    connection: (query) => queryConnection(reader, query),
    losses: ({ range, ...limits }) => answer(reader, range, limits, async () => null),
    hosts: ({ signal }) => storedHosts(reader, signal),
    sides: (query) => querySides(reader, { ...query, ...where(conditionOf(query.filter)) }),
    sums: (query) => querySums(reader, { ...query, ...counted(query, keysOf(query)) }),
    edges: (query) => queryEdges(reader, { ...query, ...counted(query) }),
    percentiles: (query) =>
      queryGroups(reader, {
        ...query,
        limit: Math.max(1, query.keys.length),
        ...counted(query, keysOf(query)),
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

function keysOf({ by, keys }: Pick<PartQuestions['sums'], 'by' | 'keys'>): Condition | undefined {
  return keys === undefined ? undefined : withKeys(by, keys);
}

function conditionOf(filter: string | undefined, table: FilteredTable = 'ends'): Condition | undefined {
  if (filter === undefined) return undefined;
  const { filter: parsed } = filterOf({ filter }, table === 'ends' ? endRows : openRows);
  return parsed && filterSql(parsed, filterSource(table), { services: serviceNames() });
}

function counted({ filter, without }: CountedFilter, ...more: readonly (Condition | undefined)[]) {
  const conditions = [conditionOf(filter), without && withoutEnds(without), ...more];
  const present = conditions.filter((each) => each !== undefined);
  return where(present.length === 0 ? undefined : all(...present));
}

function where(condition: Condition | undefined): { readonly where?: Condition } {
  return condition === undefined ? {} : { where: condition };
}
