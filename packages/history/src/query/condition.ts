/** Parts of statements whose values are bound, never pasted. Pure. */
import { DuckDBTimestampNanosecondsValue, type DuckDBValue } from '@duckdb/node-api';
import type { RowId } from '../rollup/id-filter.js';
import { possibleTime } from '../store/layout.js';
import type { TimeRange } from '../store/session.js';

/** SQL with a `?` for each value, in order. */
export interface Condition {
  readonly sql: string;
  readonly values: readonly DuckDBValue[];
  /** Columns of filters on which it depends, and no others; absent: not known. */
  readonly columns?: readonly string[];
  /** Only rows with one of these ids can meet it; absent: not known. */
  readonly ids?: readonly RowId[];
  /** Only rows of one direction can meet it; absent: not known. */
  readonly isOneWay?: boolean;
}

/** The condition that every row meets. */
export const always: Condition = { sql: 'true', values: [] };

/** All of these. */
export function all(...conditions: readonly (Condition | undefined)[]): Condition {
  const present = conditions.filter((each) => each !== undefined);
  const ids = present.find((each) => each.ids !== undefined)?.ids;
  return {
    sql: present.length === 0 ? 'true' : present.map(({ sql }) => `(${sql})`).join(' AND '),
    values: present.flatMap(({ values }) => values),
    ...(present.every(({ columns }) => columns !== undefined) && {
      columns: present.flatMap(({ columns }) => columns!),
    }),
    ...(ids !== undefined && { ids }),
  };
}

/** A time as a value to bind; beyond what the database can hold, its first or last time. */
export function timeValue(ns: bigint): DuckDBTimestampNanosecondsValue {
  return new DuckDBTimestampNanosecondsValue(possibleTime(ns));
}

/** Rows whose `time` is in a range. */
export function within({ from, to }: TimeRange): Condition {
  return { sql: 'time >= ? AND time < ?', values: [timeValue(from), timeValue(to)] };
}
