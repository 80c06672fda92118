/** Whether a table that anybody may have written is one that Weir could have written. */
import type { DuckDBConnection } from '@duckdb/node-api';
import { FormatError } from '@weir/ebpf/errors';
import { type Column, type Columns, columnTypes, quoteName, quoteText } from '../schema/index.js';
import { query } from '../store/catalog.js';

/** More bytes than any text of a row has: a command line is the longest, with each of its bytes escaped. */
const LONGEST_TEXT = 65_536;

/** A table of an exported history. */
export interface ForeignTable {
  readonly name: string;
  /** SQL for its rows. */
  readonly source: string;
  /** The columns of this version of the schema count. */
  readonly columns: Columns;
  readonly version: number;
}

/** @throws FormatError unless it has the columns of its version, with values that they can have. */
export async function checkTable(connection: DuckDBConnection, table: ForeignTable): Promise<void> {
  const columns = Object.entries(table.columns).filter(([, { since }]) => since <= table.version);
  const found = await query(connection, `DESCRIBE SELECT * FROM ${table.source}`);
  const types = new Map(found.map(([name, type]) => [name as string, type as string]));
  for (const [name, { kind }] of columns) {
    if (types.get(name) === columnTypes[kind]) continue;
    throw new FormatError(`${table.name}.parquet: its column ${name} is missing, or of another type`);
  }
  const addresses = new Set(columns.map(([, { of }]) => of));
  const problems = columns.map(([name, column]) => problemOf(name, column, addresses.has(name)));
  const sums = problems.map((problem) => `coalesce(bool_or(${problem}), false)`);
  const [row] = await query(connection, `SELECT ${sums.join(', ')} FROM ${table.source}`);
  const wrong = columns.find((_, index) => row![index] === true);
  if (wrong !== undefined)
    throw new FormatError(`${table.name}.parquet: its column ${wrong[0]} has a value that no history has`);
}

/** SQL that is true of a row whose value is none. */
function problemOf(name: string, { kind, optional, values }: Column, isAddress: boolean): string {
  const column = quoteName(name);
  const problems = [`${column} IS NULL AND ${!optional}`];
  if (values !== undefined) problems.push(`${column} NOT IN (${values.map(quoteText).join(', ')})`);
  if (isAddress) problems.push(`NOT regexp_full_match(${column}, '[0-9a-f.:]{2,45}')`);
  if (kind === 'text' || kind === 'name') problems.push(`strlen(${column}) > ${LONGEST_TEXT}`);
  return problems.map((problem) => `(${problem})`).join(' OR ');
}
