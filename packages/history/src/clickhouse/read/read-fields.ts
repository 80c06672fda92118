/** What rows in ClickHouse can be grouped by. Pure. */
import { type GroupField, type GroupFields, groupFieldsOf } from '../../query/fields.js';
import type { GroupKey } from '../../query/keys.js';
import { clickhouseDialect } from '../clickhouse-dialect.js';

const summed: ReadonlySet<string> = new Set([
  ...['process', 'unit', 'namespace', 'port', 'service', 'transport', 'direction', 'host'],
  ...['error', 'closed_by', 'event'],
]);

/** The fields, by name; `rollup` is the expression over tables of sums. */
export const clickhouseFields: GroupFields = Object.fromEntries(
  Object.entries(groupFieldsOf(clickhouseDialect)).map(([name, { rollup, ...field }]) => {
    // Columns that may be of a few values are read as plain text: keys of both sides compare then.
    const known: GroupField = { ...field, sql: name === 'port' ? `toUInt16(${field.sql})` : field.sql };
    return [name, summed.has(name) ? { ...known, rollup: rollup! } : known];
  }),
);

/** Columns of filters that tables of sums have. */
export const summedColumns: ReadonlySet<string> = new Set([
  ...['transport', 'direction', 'service', 'comm', 'unit', 'container_name', 'pod_namespace', 'pod_name'],
  ...['event', 'error', 'closed_by', 'host_id'],
]);

/** The key of a group; 64 bits are 16 hexadecimal digits. */
export function readClickhouseKey(names: readonly string[], values: readonly unknown[]): GroupKey {
  return Object.fromEntries(
    names.map((name, index) => {
      const value = (values[index] ?? null) as string | number | null;
      if (name !== 'host' || value === null) return [name, value];
      return [name, BigInt(value).toString(16).padStart(16, '0')];
    }),
  );
}
