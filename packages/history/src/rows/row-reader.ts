/** Rows out of what the database returns. Pure. */
import { DuckDBTimestampNanosecondsValue, type DuckDBValue } from '@duckdb/node-api';
import { DamagedHistoryError } from '../errors.js';
import type { ColumnKind, Columns, RowOf } from '../schema/index.js';

type Read = (value: DuckDBValue) => unknown;

const same: Read = (value) => value;
/** Counters and clocks come as bigint, and are below 2^53. */
const number: Read = (value) => Number(value);

const readers: Readonly<Record<Exclude<ColumnKind, 'address'>, Read>> = {
  time: (value) => nanoseconds(value),
  clock: number,
  count: number,
  id: same,
  u32: same,
  u16: same,
  text: same,
  name: same,
  flag: same,
};

/** Nanoseconds since 1970. */
export function nanoseconds(value: DuckDBValue): bigint {
  return value instanceof DuckDBTimestampNanosecondsValue ? value.nanos : (value as bigint);
}

/** Names of the columns that a row has a property for, in their order: those to select for {@link RowReader}. */
export function rowColumns(columns: Columns): string[] {
  return Object.entries(columns)
    .filter(([, { kind }]) => kind !== 'address')
    .map(([name]) => name);
}

/** Makes rows of a table out of values in the order of {@link rowColumns}. */
export class RowReader<C extends Columns> {
  readonly #columns: readonly (readonly [name: string, read: Read, isOptional: boolean])[];

  constructor(columns: C) {
    this.#columns = rowColumns(columns).map((name) => [
      name,
      readers[columns[name]!.kind as Exclude<ColumnKind, 'address'>],
      columns[name]!.optional,
    ]);
  }

  /** The row; what is NULL is absent. @throws DamagedHistoryError where it is in every row */
  read(values: readonly DuckDBValue[]): RowOf<C> {
    const row: Record<string, unknown> = {};
    for (const [index, [name, read, isOptional]] of this.#columns.entries()) {
      const value = values[index];
      if (value !== null && value !== undefined) row[name] = read(value);
      else if (!isOptional) throw new DamagedHistoryError(`the history is damaged: a row without ${name}`);
    }
    return row as RowOf<C>;
  }
}
