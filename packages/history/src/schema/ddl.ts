/** DDL of the tables. Pure. */
import { type Column, type Columns, columnTypes } from './column.js';

/** A name as SQL takes it, whatever it contains. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A string as SQL takes it. Values of users are bound instead. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** The definition of a column in DDL. */
export function columnDefinition(name: string, { kind, optional }: Column): string {
  return `${quoteName(name)} ${columnTypes[kind]}${optional ? '' : ' NOT NULL'}`;
}

/** CREATE TABLE. @param name As SQL takes it. */
export function createTable(name: string, columns: Columns): string {
  const definitions = Object.entries(columns).map(([column, kind]) => columnDefinition(column, kind));
  return `CREATE TABLE ${name} (${definitions.join(', ')})`;
}

/** The columns of a table as a select list; those that a version of the schema does not have yet are NULL. */
export function selectList(columns: Columns, version: number): string {
  return Object.entries(columns)
    .map(([name, { kind, since }]) =>
      since <= version ? quoteName(name) : `NULL::${columnTypes[kind]} AS ${quoteName(name)}`,
    )
    .join(', ');
}
