/** The edges of one history's part of a map over several. */
import { type Answer, answer } from '../query/answer.js';
import { checkMap, findEdges, type MapNode, type MapQuery, readNode } from '../query/map.js';
import type { HistoryReader } from '../store/session.js';
import { unnestedIds } from './conditions.js';
import type { Sums } from './group-sums.js';

/** Ends that accepted in other histories, of connections whose other ends are in this one. */
export interface ServersElsewhere {
  readonly ids: readonly bigint[];
  /** The node of each, as a number that edges have again. */
  readonly nodes: readonly number[];
}

/** Which part of a map is wanted. */
export interface EdgesQuery extends MapQuery {
  readonly elsewhere: ServersElsewhere;
}

/** An edge with sums. */
export interface EdgeSums {
  readonly from: MapNode;
  /** A number: a node of {@link ServersElsewhere}. */
  readonly to: MapNode | number;
  readonly port: number;
  readonly sums: Sums;
  /** When it was last seen, nanoseconds since 1970. */
  readonly last: bigint;
}

/** Edges of a history. */
export interface EdgesPart {
  readonly edges: readonly EdgeSums[];
  /** How many there are, of which the first are here. */
  readonly count: number;
}

/** The edges. @throws OptionError, InterruptedError */
export function queryEdges(reader: HistoryReader, query: EdgesQuery): Promise<Answer<EdgesPart>> {
  const checked = checkMap(query);
  const { ids, nodes } = query.elsewhere;
  const list = unnestedIds(ids);
  const others =
    ids.length === 0
      ? undefined
      : {
          sql: `SELECT ${list.sql}, 's' || unnest(string_split(?, ','))`,
          values: [...list.values, nodes.join(',')],
        };
  return answer(reader, query.range, query, async (session) => {
    const { edges, count } = await findEdges(session, query, checked, others);
    return {
      edges: edges.map(({ source, target, port, sums, last }) => ({
        from: readNode(source),
        to: typeof target === 'string' && target.startsWith('s') ? Number(target.slice(1)) : readNode(target),
        port,
        sums: sums.map((value) => Number(value ?? 0)),
        last,
      })),
      count,
    };
  });
}
