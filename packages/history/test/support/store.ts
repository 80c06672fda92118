/** Histories in temporary folders, and batches for them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Batch, HistoryReader } from '../../src/index.js';
import { HistoryStore } from '../../src/index.js';
import { RowReader, rowColumns } from '../../src/rows/row-reader.js';
import { type RowOf, type TableName, tables } from '../../src/schema/index.js';
import type { StoreInternals, StoreOptions } from '../../src/store/options.js';

/** 2025-11-24T15:00:00Z. */
export const HOUR = 1_763_996_400_000_000_000n;
export const HOUR_NS = 3_600_000_000_000n;
export const EPOCH = 'e'.repeat(32);

/** A folder that is removed when the test ends. */
export async function temporaryFolder(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-history-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A history that is closed when the test ends. */
export async function openStore(
  context: TestContext,
  options: Partial<StoreOptions & StoreInternals> = {},
): Promise<HistoryStore> {
  const folder = options.folder ?? (await temporaryFolder(context));
  const store = await HistoryStore.open({ minimumFreeBytes: 0, ...options, folder });
  context.after(() => store.close());
  return store;
}

/** A batch; its watermark is the end of the first hour unless it is given. */
export function batchOf(number: number, rows: Partial<Batch> = {}): Batch {
  return {
    host_id: 7n,
    epoch: EPOCH,
    number,
    started: HOUR,
    time: HOUR + BigInt(number) * 1_000_000_000n,
    monotonic_ns: number,
    goodbye: false,
    ...rows,
  };
}

/** All rows of a table, in the order of some columns. */
export async function readTable<T extends TableName>(
  reader: HistoryReader,
  table: T,
  order = 'time',
): Promise<RowOf<(typeof tables)[T]>[]> {
  const columns = tables[table];
  const rows = new RowReader(columns);
  const values = await reader.read((session) =>
    session.query(
      `SELECT ${rowColumns(columns).map((name) => `"${name}"`)} FROM ${session.source(table)} ORDER BY ${order}`,
    ),
  );
  return values.map((each) => rows.read(each) as RowOf<(typeof tables)[T]>);
}
