/** What a shipper needs of a history. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { RowReader, rowColumns } from '../rows/row-reader.js';
import {
  type HostRow,
  hostColumns,
  type LossRow,
  lossColumns,
  quoteName,
  quoteText,
  type RowOf,
  type SegmentTable,
  type TableName,
  tables,
} from '../schema/index.js';
import type { Segment } from '../store/catalog.js';
import { ROW_GROUP_ROWS } from '../store/copy-hours.js';
import type { HistoryReader } from '../store/session.js';
import { fileColumns } from './insert-statements.js';

/** A part of a segment's rows. */
export interface SegmentPart {
  readonly name: string;
  readonly table: SegmentTable;
  /** Numbers of the first row, and of the one behind the last. */
  readonly start: number;
  readonly end: number;
}

/** What there is to ship. */
export interface ShipSource {
  /** All segments, the oldest first. */
  segments(): Promise<readonly Segment[]>;
  /** A digest of a segment's file, in hexadecimal digits; undefined where it is there no more. */
  digest(name: string): Promise<string | undefined>;
  /** Copies rows of a segment to a Parquet file that others read, for as long as it is used. @returns undefined where it is there no more. */
  withPart<T>(part: SegmentPart, use: (file: string) => Promise<T>): Promise<T | undefined>;
  losses(): Promise<readonly LossRow[]>;
  hosts(): Promise<readonly HostRow[]>;
}

/** That of a history in a folder. @param folder Its folder. */
export function shipSource(reader: HistoryReader, folder: string): ShipSource {
  return {
    segments: () => reader.read(async (session) => session.segments),
    digest: (name) => digestOf(join(folder, 'segments', name)),
    withPart: (part, use) => withPart(reader, part, use),
    losses: () => readAll(reader, 'losses', lossColumns) as Promise<RowOf<typeof lossColumns>[]>,
    hosts: () => readAll(reader, 'hosts', hostColumns) as Promise<RowOf<typeof hostColumns>[]>,
  };
}

async function digestOf(path: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return hash.digest('hex');
}

async function withPart<T>(
  reader: HistoryReader,
  { name, table, start, end }: SegmentPart,
  use: (file: string) => Promise<T>,
): Promise<T | undefined> {
  const copied = await reader.read(async (session) => {
    const source = session.segment(name);
    if (source === undefined) return undefined;
    const folder = await mkdtemp(join(session.temporary, 'ship-'));
    try {
      const file = join(folder, 'rows.parquet');
      const names = Object.keys(fileColumns(tables[table])).map(quoteName);
      // Numbers of 32 bits have differences of 33 in files of version 2, which other readers get wrong.
      await session.query(
        `COPY (SELECT ${names.join(', ')} FROM ${source} WHERE file_row_number >= ${start} AND file_row_number < ${end})
         TO ${quoteText(file)} (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v1, ROW_GROUP_SIZE ${ROW_GROUP_ROWS})`,
      );
      return { folder, file };
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  });
  if (copied === undefined) return undefined;
  try {
    return await use(copied.file);
  } finally {
    await rm(copied.folder, { recursive: true, force: true });
  }
}

function readAll(
  reader: HistoryReader,
  table: TableName,
  columns: (typeof tables)[TableName],
): Promise<object[]> {
  return reader.read(async (session) => {
    const names = rowColumns(columns).map((name) => `"${name}"`);
    const rows = await session.query(`SELECT ${names} FROM ${session.source(table)} ORDER BY time`);
    const read = new RowReader(columns);
    return rows.map((row) => read.read(row));
  });
}
