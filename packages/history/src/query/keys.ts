/** Keys of groups as plain values. Pure. */
import type { DuckDBValue } from '@duckdb/node-api';

/** The value of a field that a group has; null: not known. 64 bits are 16 hexadecimal digits. */
export type KeyValue = string | number | null;

/** Values of fields by name. */
export type GroupKey = Readonly<Record<string, KeyValue>>;

/** The key of a group. */
export function readKey(names: readonly string[], values: readonly DuckDBValue[]): GroupKey {
  return Object.fromEntries(names.map((name, index) => [name, keyValue(values[index]!)]));
}

function keyValue(value: DuckDBValue): KeyValue {
  if (value === null || typeof value === 'string' || typeof value === 'number') return value;
  return (value as bigint).toString(16).padStart(16, '0');
}
