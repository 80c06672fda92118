/**
 * What each version of the schema changed in the database file. Segments are never rewritten: a column that is newer than a
 * segment is NULL for its rows. Pure.
 */
import { renewRollups } from '../rollup/rollup-tables.js';
import { columnDefinition, quoteName } from './ddl.js';
import { addSharedColumns, shortTables } from './short-ends.js';
import { columnsOf, RECENT, segmentTables } from './tables.js';

/** One entry for each version after the first, in order. */
export const migrations: readonly { readonly version: number; readonly statements: readonly string[] }[] = [
  // Segments have some columns as differences (see compact.ts); the database file is as before.
  { version: 2, statements: [] },
  // What is known of segments beside their rows, which the store makes of those that are there, and the retention's clock.
  {
    version: 3,
    statements: [
      ...renewRollups(),
      'ALTER TABLE recent.store ADD COLUMN retention_ns BIGINT',
      'ALTER TABLE recent.store ADD COLUMN jumped_ms BIGINT',
    ],
  },
  // Rows that are there stay as they are until their hour is copied.
  { version: 4, statements: shortTables() },
  // Networks, countries and autonomous systems of peers.
  { version: 5, statements: [...addColumns(5), ...addSharedColumns(5)] },
  // Sums by peer, and filters of ids in parts.
  { version: 6, statements: renewRollups() },
];

/** Statements that add the columns of a version to tables that segments have. */
function addColumns(version: number): string[] {
  return segmentTables.flatMap((table) =>
    columnsOf(table)
      .filter(([, { since }]) => since === version)
      .map(
        ([name, column]) =>
          `ALTER TABLE ${RECENT}.${quoteName(table)} ADD COLUMN ${columnDefinition(name, column)}`,
      ),
  );
}
