/**
 * Columns that a segment has as the difference to other columns of the row: they would take six bytes of a row otherwise. A value whose
 * difference has no room in 64 bits is in the segment as it is. For columns that questions look for, this is not done: the database
 * skips parts of a segment only by columns that it has. Pure.
 */
import { type Columns, columnTypes } from './column.js';
import { quoteName } from './ddl.js';
import type { SegmentTable } from './tables.js';

/** How segments have a column of some tables. Each SQL is about the columns of the same row. */
export interface CompactColumn {
  readonly tables: readonly SegmentTable[];
  /** The first version of the schema whose segments have it so. */
  readonly since: number;
  /** The segment's column with the difference. */
  readonly name: string;
  /** Whether the difference is what a segment has of this row. */
  readonly fits: string;
  readonly difference: string;
  /** The value, out of the difference. */
  readonly value: string;
}

/** The difference to a clock that is below 2^53 has room up to here. */
const LIMIT = 2n ** 62n;
const wallNs = 'epoch_ns("time")';

/** By the name of the column that they stand for. */
export const compactColumns: Readonly<Record<string, CompactColumn>> = {
  monotonic_ns: {
    tables: ['ends', 'intervals', 'opens'],
    since: 2,
    name: 'clock_offset_ns',
    fits: `${wallNs} BETWEEN -${LIMIT} AND ${LIMIT}`,
    difference: `${wallNs} - "monotonic_ns"`,
    value: `${wallNs} - "clock_offset_ns"`,
  },
  tid: {
    tables: ['ends', 'intervals', 'opens'],
    since: 2,
    name: 'tid_offset',
    fits: '"pid" IS NOT NULL AND "tid" IS NOT NULL',
    difference: '"tid"::BIGINT - "pid"::BIGINT',
    value: '("pid"::BIGINT + "tid_offset")::UINTEGER',
  },
};

/** Which columns of segments are compact, by the name of the column. */
export type CompactColumns = Readonly<Record<string, CompactColumn>>;

function compactOf(
  compact: CompactColumns,
  table: string,
  column: string,
  version: number,
): CompactColumn | undefined {
  const found = compact[column];
  return found !== undefined && found.since <= version && (found.tables as readonly string[]).includes(table)
    ? found
    : undefined;
}

/** A select list that makes the columns of a segment out of those of a table. */
export function segmentColumns(
  compact: CompactColumns,
  table: string,
  columns: Columns,
  version: number,
): string {
  return Object.keys(columns)
    .flatMap((column) => {
      const found = compactOf(compact, table, column, version);
      const name = quoteName(column);
      if (found === undefined) return [name];
      const { fits, difference } = found;
      return [
        `CASE WHEN ${fits} THEN NULL ELSE ${name} END AS ${name}`,
        `CASE WHEN ${fits} THEN ${difference} END AS ${quoteName(found.name)}`,
      ];
    })
    .join(', ');
}

/** A select list that makes the columns of a table out of those of a segment; those that its version does not have yet are NULL. */
export function tableColumns(
  compact: CompactColumns,
  table: string,
  columns: Columns,
  version: number,
): string {
  return Object.entries(columns)
    .map(([column, { kind, since }]) => {
      const name = quoteName(column);
      if (since > version) return `NULL::${columnTypes[kind]} AS ${name}`;
      const found = compactOf(compact, table, column, version);
      return found === undefined ? name : `coalesce(${name}, ${found.value}) AS ${name}`;
    })
    .join(', ');
}
