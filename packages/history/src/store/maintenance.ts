/** What a store does every minute: full hours become segments, old segments go. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { type LossRow, RECENT } from '../schema/index.js';
import { deleteSegment, listSegments, type Segment, writeRetentionTime } from './catalog.js';
import type { StoreContext } from './context.js';
import { copyHours } from './copy-hours.js';
import { inTransaction } from './database.js';
import { freeBytes, keepReserve, releaseReserve } from './disk-space.js';
import { failureKind } from './failure-kind.js';
import { removeFile, sizeOf } from './files.js';
import { hourOf, isSegmentName, LAST_TIME } from './layout.js';
import type { Readers } from './readers.js';
import { appendLosses } from './recover.js';
import { expired, type Retention, takeOldestHour } from './retention.js';
import type { RetentionClock } from './retention-clock.js';
import { summarize } from './summaries.js';

/** What maintenance remembers from one time to the next. */
export interface Kept {
  /** The hour of the watermark when hours were last copied. */
  copiedIn?: number;
  /** Begins with what the database file says when it is opened: later, it has rows that the clock of now may have dated. */
  readonly clock: RetentionClock;
}

/** What maintenance needs. */
export interface Maintenance {
  readonly context: StoreContext;
  readonly connection: DuckDBConnection;
  readonly watermark: bigint | undefined;
  readonly retention: Retention;
  readonly minimumFreeBytes: number;
  /** Milliseconds on a clock that cannot be set. */
  readonly uptimeMs: () => number;
  readonly readers: Readers;
  readonly kept: Kept;
}

/** What maintenance did. */
export interface MaintenanceReport {
  readonly copied: readonly Segment[];
  readonly removed: readonly Segment[];
}

/** Copies hours and removes segments. */
export async function keep(maintenance: Maintenance): Promise<MaintenanceReport> {
  const { watermark } = maintenance;
  if (watermark === undefined) return { copied: [], removed: [] };
  const now = await retentionTime(maintenance, watermark);
  const copied = await copyWhenDue(maintenance, watermark);
  const removed = await removeExpired(maintenance, now);
  await summarize(maintenance.context, maintenance.connection);
  await keepReserve(maintenance.context.layout);
  return { copied, removed };
}

/** The time by which rows are too old, which is kept for the next process. */
async function retentionTime(
  { connection, kept, uptimeMs }: Maintenance,
  watermark: bigint,
): Promise<bigint> {
  const now = kept.clock.now(watermark, uptimeMs());
  await writeRetentionTime(connection, kept.clock.kept!);
  return now;
}

/** Once an hour, so that rows which come late for an hour make one more segment and not sixty. */
async function copyWhenDue(
  { context, connection, kept }: Maintenance,
  watermark: bigint,
): Promise<readonly Segment[]> {
  // A minute late, as hours are full then.
  const hour = hourOf(watermark - 60_000_000_000n);
  if (kept.copiedIn === hour) return [];
  // Rows that only the log has lie in memory, which the copy needs.
  await checkpoint(connection);
  const copied = await copyHours(context, connection, watermark);
  kept.copiedIn = hour;
  if (copied.length > 0) await checkpoint(connection);
  return copied;
}

/** Works the log of changes into the file. While an append is under way, that has to wait for the next time. */
async function checkpoint(connection: DuckDBConnection): Promise<void> {
  try {
    await connection.run('CHECKPOINT');
  } catch (error) {
    if (!/other (write )?transactions/.test((error as Error).message)) throw error;
  }
}

async function removeExpired(maintenance: Maintenance, now: bigint): Promise<readonly Segment[]> {
  const { context, connection, retention } = maintenance;
  const { layout } = context;
  const others = (await sizeOf(layout.database)) + (await sizeOf(`${layout.database}.wal`));
  const segments = expired(await listSegments(connection), retention, now, others);
  if (segments.length > 0) await remove(maintenance, segments);
  await removeOrphans(maintenance);
  await prune(maintenance, now);
  while ((await freeBytes(layout.folder)) < maintenance.minimumFreeBytes && (await makeRoom(maintenance)));
  return segments;
}

async function remove(
  { context, connection, readers }: Maintenance,
  segments: readonly Segment[],
  losses: readonly LossRow[] = [],
): Promise<void> {
  await inTransaction(connection, async () => {
    for (const { name } of segments) await deleteSegment(connection, name);
    await beginLater(connection, segments);
    if (losses.length > 0) await appendLosses(context, connection, losses);
  });
  await context.step('retention:committed');
  await readers.remove(segments.map(({ name }) => join(context.layout.segments, name)));
  await context.step('retention:unlinked');
}

/**
 * What was recorded begins behind the rows that go, for whoever asks about the time before; of no epoch behind its last batch, as rows
 * may have the times of a clock that was wrong.
 */
async function beginLater(connection: DuckDBConnection, removed: readonly Segment[]): Promise<void> {
  const latest = removed.reduce((last, { to }) => (to > last ? to : last), removed[0]?.to ?? 0n);
  const last = latest < LAST_TIME ? latest : LAST_TIME - 1n;
  await connection.run(
    `UPDATE ${RECENT}.batches SET started = greatest(started, least(time, make_timestamp_ns(${last + 1n})))
     WHERE epoch_ns(started) <= ${last}`,
  );
}

/** Removes segments that are recorded no more: where an earlier removal failed. */
async function removeOrphans({ context, connection, readers }: Maintenance): Promise<void> {
  const { segments } = context.layout;
  const recorded = new Set((await listSegments(connection)).map(({ name }) => name));
  const orphans = (await readdir(segments)).filter((name) => isSegmentName(name) && !recorded.has(name));
  if (orphans.length > 0) await readers.remove(orphans.map((name) => join(segments, name)));
}

/**
 * Removes what no kept row needs from the tables without segments. The last batch of each epoch says how far it came; what was removed
 * because the disk was full is known as long as rows of its age are kept.
 */
async function prune({ connection, retention }: Maintenance, now: bigint): Promise<void> {
  const [oldest] = await listSegments(connection);
  const { ageNs } = retention;
  const isOld = oldest === undefined ? 'false' : `epoch_ns(time) < ${oldest.from}`;
  const isTooOld = ageNs === undefined ? 'false' : `epoch_ns(time) < ${now - ageNs}`;
  await connection.run(
    `DELETE FROM ${RECENT}.batches AS old WHERE (sweep IS NULL OR ${isOld} OR ${isTooOld})
     AND number < (SELECT max(number) FROM ${RECENT}.batches AS newer WHERE newer.epoch = old.epoch)`,
  );
  await connection.run(`DELETE FROM ${RECENT}.losses WHERE ${isTooOld} OR (${isOld} AND place <> 'history')`);
}

/** Removes the oldest hour although retention would keep it, since the disk is full. @returns whether there was any. */
export async function makeRoom(maintenance: Maintenance): Promise<boolean> {
  const { context, connection } = maintenance;
  const segments = takeOldestHour(await listSegments(connection));
  if (segments.length === 0) return false;
  await releaseReserve(context.layout);
  const losses = segments.map(({ name, from, to, rows }) => ({
    since: from,
    time: to,
    count: rows,
    place: 'history',
    detail: `the disk was full: the segment ${name} was removed`,
  }));
  await removeOnFullDisk(maintenance, segments, losses);
  const names = segments.map(({ name }) => name).join(', ');
  context.notice({ kind: 'disk-full', message: `the disk is full: removed the oldest segments ${names}` });
  await keepReserve(context.layout);
  return true;
}

/** Where not even the removal can be recorded, the files go first: should that end here, the next opening finds them missing. */
async function removeOnFullDisk(
  maintenance: Maintenance,
  segments: readonly Segment[],
  losses: readonly LossRow[],
): Promise<void> {
  try {
    await remove(maintenance, segments, losses);
  } catch (error) {
    if (failureKind(error) !== 'full') throw error;
    for (const { name } of segments) await removeFile(join(maintenance.context.layout.segments, name));
    await remove(maintenance, segments, losses);
  }
}
