/** DDL of the tables. Pure. */
import { type Column, columnTypes } from './column.js';
import { type TableName, tables } from './tables.js';

/** A name as SQL takes it, whatever it contains. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A string as SQL takes it. Values of users are bound instead. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** The columns of a table, in their order. */
export function columnsOf(table: TableName): readonly (readonly [name: string, column: Column])[] {
  return Object.entries(tables[table]);
}

/** The definition of a column in DDL. */
export function columnDefinition(name: string, { kind, optional }: Column): string {
  return `${quoteName(name)} ${columnTypes[kind]}${optional ? '' : ' NOT NULL'}`;
}

/** CREATE TABLE for a table as the current version has it. */
export function createTable(table: TableName): string {
  const definitions = columnsOf(table).map(([name, column]) => columnDefinition(name, column));
  return `CREATE TABLE ${quoteName(table)} (${definitions.join(', ')})`;
}
