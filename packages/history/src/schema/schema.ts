/** A schema: its version, its tables, and how one of an earlier version becomes it. Pure. */
import type { Columns } from './column.js';
import { type CompactColumns, compactColumns } from './compact.js';
import { migrations } from './migrations.js';
import { SCHEMA_VERSION, type SegmentTable, segmentTables, tables } from './tables.js';

/** What a version adds to the database file: statements, executed in one transaction with the new version's number. */
export interface Migration {
  /** The version that it makes out of the one before. */
  readonly version: number;
  readonly statements: readonly string[];
}

/** A version of the schema. */
export interface Schema {
  readonly version: number;
  readonly tables: Readonly<Record<string, Columns>>;
  readonly segmentTables: readonly SegmentTable[];
  /** How segments have some of the columns; by the name of the column. */
  readonly compact: CompactColumns;
  /** In order, one for each version after the first. */
  readonly migrations: readonly Migration[];
}

/** The schema that this code writes. */
export const currentSchema: Schema = {
  version: SCHEMA_VERSION,
  tables,
  segmentTables,
  compact: compactColumns,
  migrations,
};
