/** What a history has, and how much room that takes. */
import { RECENT } from '../schema/index.js';
import { freeBytes } from './disk-space.js';
import { sizeOf } from './files.js';
import type { Layout } from './layout.js';
import type { Session } from './session.js';

/** What a history has. Times are nanoseconds since 1970. */
export interface StoreStatus {
  /** Whether it can only be read. */
  readonly readOnly: boolean;
  /** Up to here all events are in; absent before the first batch. */
  readonly watermark?: bigint;
  /** The oldest row of a segment; without segments, when the first collector began; absent before the first batch. */
  readonly begins?: bigint;
  readonly segments: number;
  /** Rows of segments. */
  readonly rows: number;
  /** Bytes of segments. */
  readonly segmentBytes: number;
  /** Bytes of the database file and its log. */
  readonly databaseBytes: number;
  /** Free bytes on its disk. */
  readonly freeBytes: number;
}

/** Finds out what a history has. */
export async function statusOf(
  session: Session,
  { database, folder }: Layout,
  readOnly: boolean,
  watermark: bigint | undefined,
): Promise<StoreStatus> {
  const [row] = await session.query(
    `SELECT count(*), coalesce(sum(row_count), 0), coalesce(sum(bytes), 0), min(first_time) FROM ${RECENT}.segments`,
  );
  const [batch] = await session.query(`SELECT epoch_ns(min(started)) FROM ${RECENT}.batches`);
  const [segments, rows, bytes, oldest] = row!;
  const begins = (oldest ?? batch![0]) as bigint | null;
  return {
    readOnly,
    ...(watermark !== undefined && { watermark }),
    ...(begins !== null && { begins }),
    segments: Number(segments),
    rows: Number(rows),
    segmentBytes: Number(bytes),
    databaseBytes: (await sizeOf(database)) + (await sizeOf(`${database}.wal`)),
    freeBytes: await freeBytes(folder),
  };
}
