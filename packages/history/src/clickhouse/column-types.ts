/** How ClickHouse stores the columns of the history: from the same table of columns as DuckDB. Pure. */
import { type Column, type ColumnKind, type Columns, quoteName } from '../schema/index.js';

const types: Readonly<Record<ColumnKind, string>> = {
  time: "DateTime64(9, 'UTC')",
  clock: 'Int64',
  id: 'UInt64',
  count: 'UInt64',
  u32: 'UInt32',
  u16: 'UInt16',
  text: 'String',
  name: 'String',
  flag: 'Bool',
  address: 'IPv6',
};

/**
 * Column that the tables have instead of a clock's, which follows from it: the wall clock less that one, which changes seldom. A clock's
 * own values would take six bytes of a row.
 */
export const CLOCK_OFFSET = 'clock_offset_ns';
const wallNs = 'toUnixTimestamp64Nano("time")';

/** Texts of which there are nearly as many as rows. */
const manyTexts: ReadonlySet<string> = new Set(['peer_address', 'peer_name', 'detail']);

/** The type of a column. */
export function clickhouseType(name: string, { kind, optional }: Column): string {
  const plain = optional ? `Nullable(${types[kind]})` : types[kind];
  return isText(kind) && !manyTexts.has(name) ? `LowCardinality(${plain})` : plain;
}

/** The definitions of a column in DDL. */
export function clickhouseColumn(name: string, column: Column): string[] {
  const comment = `COMMENT ${quoteLiteral(column.help)}`;
  if (column.kind === 'clock')
    return [
      `${quoteName(name)} ${types.clock} ALIAS ${wallNs} - ${quoteName(CLOCK_OFFSET)} ${comment}`,
      `${quoteName(CLOCK_OFFSET)} ${types.clock} COMMENT 'The wall clock less the monotonic clock.' CODEC(ZSTD(1))`,
    ];
  const codec = column.kind === 'time' ? 'CODEC(Delta(8), ZSTD(1))' : 'CODEC(ZSTD(1))';
  return [`${quoteName(name)} ${clickhouseType(name, column)} ${comment} ${codec}`];
}

/** What is inserted for a column of a file: the name of the table's, and its value. */
export function insertedColumn(
  name: string,
  { kind, of }: Column,
): { readonly name: string; readonly value: string } {
  if (kind === 'clock') return { name: CLOCK_OFFSET, value: `${wallNs} - ${quoteName(name)}` };
  return { name, value: of === undefined ? quoteName(name) : `toIPv6(${quoteName(of)})` };
}

/** The structure of a file whose columns may all be absent or NULL: `name type, …`. */
export function fileStructure(columns: Columns): string {
  return Object.entries(columns)
    .map(([name, { kind }]) => `${quoteName(name)} Nullable(${types[kind]})`)
    .join(', ');
}

/** A string as ClickHouse takes it. Values of users are bound instead. */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

function isText(kind: ColumnKind): boolean {
  return kind === 'text' || kind === 'name';
}
