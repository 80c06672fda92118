/** Connections of which a history has ends. */

import type { DuckDBListValue } from '@duckdb/node-api';
import { type Answer, answer, type QueryLimits } from '../query/answer.js';
import type { Condition } from '../query/condition.js';
import { fieldsNamed } from '../query/fields.js';
import { isClientSql } from '../query/side-sql.js';
import { traffic } from '../query/traffic.js';
import type { HistoryReader, TimeRange } from '../store/session.js';
import type { SideIds } from './counted-once.js';

/** Which ends are wanted. */
export interface SidesQuery extends QueryLimits {
  readonly range: TimeRange;
  readonly where?: Condition;
  /** The field that makes a node of a map: then ends that accepted have their nodes. */
  readonly node?: string;
  /** At most so many of each side. */
  readonly limit: number;
}

/** Numbers of the connections of which there are ends in the range. */
export interface Sides extends SideIds {
  /** Where nodes were asked for: of each of `servers`, the number of its name in `names`. */
  readonly nodes: readonly number[];
  /** null: its field is not known. */
  readonly names: readonly (string | null)[];
  /** Whether there were more than the limit: then these are not all. */
  readonly isCut: boolean;
}

/** Asks which connections have ends here. @throws OptionError, InterruptedError */
export function querySides(reader: HistoryReader, query: SidesQuery): Promise<Answer<Sides>> {
  const { range, where, node, limit } = query;
  const name = node === undefined ? 'NULL' : `CAST(${fieldsNamed([node])[0]!.sql} AS VARCHAR)`;
  return answer(reader, range, query, async (session) => {
    const source = traffic(session, { range, where, users: [name, isClientSql, 'connection_id'] });
    // Lists take a tenth of the memory of as many rows.
    const side = async (isClient: boolean, own: string) => {
      const [row] = await session.query(
        `SELECT list(id), list(own) FROM (SELECT connection_id AS id, ${own} AS own FROM ${source.sql}
         WHERE connection_id IS NOT NULL AND ${isClient ? '' : 'NOT '}(${isClientSql}) GROUP BY connection_id LIMIT ${limit + 1})`,
        [...source.values],
      );
      return row!.map((list) => (list === null ? [] : (list as DuckDBListValue).items)) as [
        ids: readonly bigint[],
        names: readonly (string | null)[],
      ];
    };
    const [clients] = await side(true, 'NULL');
    const [servers, owners] = await side(false, `any_value(${name})`);
    const names = new Map<string | null, number>();
    const numberOf = (text: string | null) => {
      const known = names.get(text) ?? names.size;
      names.set(text, known);
      return known;
    };
    return {
      clients: clients.slice(0, limit),
      servers: servers.slice(0, limit),
      nodes: node === undefined ? [] : owners.slice(0, limit).map(numberOf),
      names: [...names.keys()],
      isCut: clients.length > limit || servers.length > limit,
    };
  });
}
