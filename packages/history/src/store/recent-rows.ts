/** Where the database file has the rows of a table that no segment has yet. Pure. */
import {
  type Columns,
  RECENT,
  SHORT_ENDS,
  SHORT_ENDS_SINCE,
  selectList,
  selectShortEnds,
} from '../schema/index.js';

/** Statements that together select all of them. @param version That of the database file. */
export function recentRows(table: string, columns: Columns, version: number): string[] {
  const whole = `SELECT ${selectList(columns, version)} FROM ${RECENT}.${table}`;
  return table === 'ends' && version >= SHORT_ENDS_SINCE
    ? [whole, selectShortEnds(columns, version)]
    : [whole];
}

/** Tables with a row for each of them, and its time, in a database file of the current version. */
export function recentTables(table: string): string[] {
  return table === 'ends' ? [table, SHORT_ENDS] : [table];
}
