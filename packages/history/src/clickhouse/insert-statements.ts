/** The INSERTs with which rows are shipped. Pure. */
import { type Columns, type LossRow, quoteName, type SegmentTable, tables } from '../schema/index.js';
import type { ClickhouseLayout } from './clickhouse-layout.js';
import { fileStructure, insertedColumn, quoteLiteral } from './column-types.js';
import { SHIPMENT_COLUMN, tablePlace } from './create-tables.js';

/** Columns that a file has: numbers of addresses follow from their texts. */
export function fileColumns(columns: Columns): Columns {
  return Object.fromEntries(Object.entries(columns).filter(([, { of }]) => of === undefined));
}

/**
 * Inserts rows of a segment, which follow as a Parquet file.
 *
 * @param id Of these rows, in {@link SHIPMENT_COLUMN}.
 */
export function insertShipment(layout: ClickhouseLayout, table: SegmentTable, id: bigint): string {
  const columns = Object.entries<Columns[string]>(tables[table]).map(([name, column]) =>
    insertedColumn(name, column),
  );
  const names = [...columns.map(({ name }) => name), SHIPMENT_COLUMN].map(quoteName);
  const values = columns.map(({ value }) => value);
  const structure = fileStructure(fileColumns(tables[table]));
  return `INSERT INTO ${tablePlace(layout, table)} (${names.join(', ')})
SELECT ${[...values, `toUInt64(${id})`].join(', ')} FROM input(${quoteLiteral(structure)}) FORMAT Parquet`;
}

/** Inserts rows of a small table, which follow as lines of JSON. */
export function insertRows(layout: ClickhouseLayout, table: 'losses' | 'hosts'): string {
  const columns: Columns = tables[table];
  const names = Object.keys(columns).map(quoteName).join(', ');
  return `INSERT INTO ${tablePlace(layout, table)} (${names})
SELECT ${names} FROM input(${quoteLiteral(fileStructure(columns))}) FORMAT JSONEachRow`;
}

/** A row as {@link insertRows} takes it. */
export function rowLine(columns: Columns, row: object): string {
  const values = Object.entries(row).map(([name, value]) => {
    if (columns[name]?.kind === 'time') return [name, decimalSeconds(value as bigint)];
    return [name, typeof value === 'bigint' ? String(value) : value];
  });
  return `${JSON.stringify(Object.fromEntries(values))}\n`;
}

/** The database has no time before 1900, and reads none before 1970 in this form. */
function decimalSeconds(ns: bigint): string {
  const digits = String(ns < 0n ? 0n : ns).padStart(10, '0');
  return `${digits.slice(0, -9)}.${digits.slice(-9)}`;
}

/** How many rows of a shipment are there. @param hosts The numbers of the hosts that they may be of, so that others' rows are not read. */
export function countShipment(
  layout: ClickhouseLayout,
  table: SegmentTable,
  hosts: readonly bigint[],
): string {
  const ofHosts = hosts.length === 0 ? '' : ` AND "host_id" IN (${hosts.join(', ')})`;
  return `SELECT count() FROM ${tablePlace(layout, table)}
WHERE ${SHIPMENT_COLUMN} = {id:UInt64} AND "time" >= fromUnixTimestamp64Nano({from:Int64}, 'UTC')
AND "time" <= fromUnixTimestamp64Nano({to:Int64}, 'UTC')${ofHosts}`;
}

/** Names of segments in the text of a loss: that a history removed one says nothing about rows that were shipped before. */
const segmentName = /\b(?:ends|intervals|opens)-\d{4}-\d\d-\d\dT\d\dZ-\d+\.parquet\b/;

/** Whether a loss is about a segment of the history alone. */
export function isOfSegment({ place, detail = '' }: LossRow): boolean {
  return place === 'history' && segmentName.test(detail);
}
