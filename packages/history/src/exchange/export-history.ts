/**
 * A range of a history as one file: a tar of one Parquet file a table. Parquet is the format that lasts, and other programs read it
 * after `tar -x`. A database file would hold views and macros beside rows, which whoever opens it would run.
 */
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import tar, { type Pack } from 'tar-stream';
import { ask, type QueryLimits } from '../query/answer.js';
import { timeValue } from '../query/condition.js';
import { quoteText, selectList, type TableName, tables } from '../schema/index.js';
import { parquetOptions } from '../store/copy-hours.js';
import type { HistoryReader, Session, TimeRange } from '../store/session.js';
import { MANIFEST, writeManifest } from './manifest.js';

/** What to export. */
export interface ExportQuery extends QueryLimits {
  readonly range: TimeRange;
}

/** The state at the beginning of a range follows from a full sweep that is at most this old. */
const SWEEP_NS = 2n * 3_600_000_000_000n;

/** Exports a range. @returns the bytes of the file. @throws InterruptedError */
export async function exportHistory(reader: HistoryReader, query: ExportQuery): Promise<Readable> {
  let folder: string | undefined;
  const remove = async () => folder && rm(folder, { recursive: true, force: true });
  try {
    const manifest = await ask(reader, query, async (session) => {
      await remove();
      folder = await mkdtemp(join(session.temporary, 'export-'));
      await writeTables(session, query.range, folder);
      return writeManifest({ schema: session.schema.version, range: query.range });
    });
    const pack = tar.pack();
    packFiles(pack, folder!, manifest)
      .catch((error: Error) => pack.destroy(error))
      .finally(remove);
    return pack;
  } catch (error) {
    await remove();
    throw error;
  }
}

async function writeTables(session: Session, range: TimeRange, folder: string): Promise<void> {
  const from = await sweepBefore(session, range.from);
  for (const table of Object.keys(tables) as TableName[]) {
    const columns = selectList(session.schema.tables[table]!, session.schema.version);
    const rows = rowsOf(session, table, { from, to: range.to });
    const path = quoteText(join(folder, `${table}.parquet`));
    await session.connection.run(
      `COPY (SELECT ${columns} FROM ${rows}) TO ${path} ${parquetOptions(table, session.schema.version)}`,
    );
  }
}

/** The last full sweep before a time, if it is near; else the time itself. */
async function sweepBefore(session: Session, at: bigint): Promise<bigint> {
  const [row] = await session.query(
    `SELECT epoch_ns(max(time)) FROM ${session.source('batches')} WHERE sweep = 'full' AND time <= ?`,
    [timeValue(at)],
  );
  const time = row![0] as bigint | null;
  return time !== null && at - time <= SWEEP_NS ? time : at;
}

function rowsOf(session: Session, table: TableName, range: TimeRange): string {
  const source = session.source(table, { range });
  const [from, to] = [range.from, range.to].map((ns) => `make_timestamp_ns(${timeValue(ns).nanos})`);
  switch (table) {
    case 'hosts':
      return source;
    case 'losses':
      return `(FROM ${source} WHERE time >= ${from} AND coalesce(since, time) < ${to})`;
    case 'batches': {
      // The last batch of an epoch says how far it came: up to the end of the range, as far as the file knows.
      const last = 'row_number() OVER (PARTITION BY epoch ORDER BY number DESC) = 1';
      return `(SELECT * REPLACE (greatest(started, ${from}) AS started, least(time, ${to}) AS time,
          CASE WHEN time <= ${to} THEN sweep END AS sweep) FROM ${source}
        WHERE started < ${to} QUALIFY time >= ${from} AND (time <= ${to} OR ${last}))`;
    }
    default:
      return `(FROM ${source} WHERE time >= ${from} AND time < ${to})`;
  }
}

async function packFiles(pack: Pack, folder: string, manifest: string): Promise<void> {
  pack.entry({ name: MANIFEST }, manifest);
  for (const table of Object.keys(tables)) {
    const path = join(folder, `${table}.parquet`);
    const { size } = await stat(path);
    await pipeline(createReadStream(path), pack.entry({ name: `${table}.parquet`, size }));
  }
  pack.finalize();
}
