/** Groups by host have what hosts are called for keys. */
import { type GroupKey, type QueryLimits, withHostNames } from '@weir/history/query';
import type { ApiHistory } from './history.js';

/** A history that groups by the ids of hosts and boots, with the names of hosts in their place. */
export function namedHosts<History extends ApiHistory>(history: History): History {
  const { groups, series, compare } = history;
  const named = <Each extends { readonly key: GroupKey }>(
    { by = [], signal }: QueryLimits & { readonly by?: readonly string[] },
    list: readonly Each[],
  ) => withHostNames(by, list, () => history.hosts(signal === undefined ? {} : { signal }));
  const own: Pick<ApiHistory, 'groups' | 'series' | 'compare'> = {
    groups: async (query) => {
      const { result, ...answer } = await groups(query);
      return { ...answer, result: { ...result, groups: await named(query, result.groups) } };
    },
    series: async (query) => {
      const { result, ...answer } = await series(query);
      return { ...answer, result: await named(query, result) };
    },
    compare: async (query) => {
      const { result, ...answer } = await compare(query);
      return { ...answer, result: { ...result, differences: await named(query, result.differences) } };
    },
  };
  // What the history has computed anew each time stays so.
  return Object.defineProperties(history, Object.getOwnPropertyDescriptors(own)) as History;
}
