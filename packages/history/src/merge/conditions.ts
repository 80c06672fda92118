/** Conditions with long lists of values, each bound as one text. Pure. */
import type { DuckDBValue } from '@duckdb/node-api';
import type { Condition } from '../query/condition.js';
import { fieldsNamed } from '../query/fields.js';
import type { HostNames } from '../query/host-names.js';
import type { GroupKey } from '../query/keys.js';
import { isClientSql } from '../query/side-sql.js';
import { duckdbDialect } from '../query/sql-dialect.js';
import type { SideIds } from './counted-once.js';

/** An expression for a column of numbers, one a row, out of a bound text. */
export function unnestedIds(ids: readonly bigint[]): Condition {
  return { sql: "unnest(string_split(?, ','))::UBIGINT", values: [ids.join(',')] };
}

/** Rows of all ends but these; undefined where there are none. */
export function withoutEnds({ clients, servers }: SideIds): Condition | undefined {
  const parts = [
    { ids: clients, side: isClientSql },
    { ids: servers, side: `NOT ${isClientSql}` },
  ].filter(({ ids }) => ids.length > 0);
  if (parts.length === 0) return undefined;
  const lists = parts.map(({ ids }) => unnestedIds(ids));
  return {
    sql: parts
      .map(
        ({ side }, index) =>
          `NOT (connection_id IS NOT NULL AND connection_id IN (SELECT ${lists[index]!.sql}) AND (${side}))`,
      )
      .join(' AND '),
    values: lists.flatMap(({ values }) => values),
  };
}

/** Rows of groups with these keys. @param hosts Names of the history's hosts: a key has one boot of a host. */
export function withKeys(by: readonly string[], keys: readonly GroupKey[], hosts?: HostNames): Condition {
  const named = fieldsNamed(by);
  const fields = hosts?.joined(by, named, duckdbDialect) ?? named;
  if (by.length === 0) return { sql: 'true', values: [] };
  if (keys.length === 0) return { sql: 'false', values: [] };
  const isKey = fields.map(({ sql }) => `CAST(${sql} AS VARCHAR) IS NOT DISTINCT FROM ?`).join(' AND ');
  return {
    sql: keys.map(() => `(${isKey})`).join(' OR '),
    values: keys.flatMap((key) => by.map((name): DuckDBValue => castKey(name, key))),
  };
}

/** A value as the database casts it. */
function castKey(name: string, key: GroupKey): string | null {
  const value = key[name] ?? null;
  if (value === null) return null;
  return name === 'host' ? BigInt(`0x${value}`).toString() : String(value);
}
