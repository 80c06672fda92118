/** A database file that cannot be read: it is set aside, so that the segments can be used and collecting goes on. */
import type { DuckDBConnection } from '@duckdb/node-api';
import { RECENT } from '../schema/index.js';
import { listSegments, query } from './catalog.js';
import type { StoreContext } from './context.js';
import { inTransaction } from './database.js';
import { failureKind } from './failure-kind.js';
import { removeFile, renameFile, sizeOf } from './files.js';
import { DAMAGED } from './layout.js';
import { appendLosses } from './recover.js';

/**
 * Opens a database, after setting aside what of it is damaged: its log of changes alone, if that is enough.
 *
 * @returns it, and what was set aside, if anything.
 */
export async function openOrSetAside<T>(
  { layout, notice }: StoreContext,
  open: () => Promise<T>,
): Promise<{ database: T; aside: string | undefined }> {
  const log = `${layout.database}.wal`;
  // DuckDB takes a file without content for a damaged one.
  if ((await sizeOf(layout.database)) === 0) await removeFile(layout.database);
  let aside: string | undefined;
  for (const path of [log, layout.database]) {
    try {
      return { database: await open(), aside };
    } catch (error) {
      if (failureKind(error) !== 'damaged') throw error;
      const isInLog = /\bWAL\b/.test((error as Error).message);
      if ((path === log && !isInLog) || (await sizeOf(path)) === 0) continue;
      aside = `${path}${DAMAGED}-${Date.now()}`;
      await renameFile(path, aside);
      if (path === layout.database && (await sizeOf(log)) > 0) await renameFile(log, `${aside}.wal`);
      notice({ kind: 'damaged', message: `${(error as Error).message}. It was renamed to ${aside}.` });
    }
  }
  return { database: await open(), aside };
}

/** Records that what a file had which was set aside is lost: from the newest row that is left up to now, nobody knows how much. */
export async function recordLostRows(
  context: StoreContext,
  connection: DuckDBConnection,
  aside: string,
): Promise<void> {
  const [row] = await query(connection, `SELECT epoch_ns(max(time)) FROM ${RECENT}.batches`);
  const times = [row![0] as bigint | null, ...(await listSegments(connection)).map(({ to }) => to)];
  const since = times.reduce((a, b) => (a === null || (b !== null && b > a) ? b : a), null);
  const detail = `the database file was damaged, and renamed to ${aside}`;
  const time = BigInt(Date.now()) * 1_000_000n;
  const loss = {
    time,
    place: 'history',
    detail,
    ...(since !== null && { since: since < time ? since : time }),
  };
  await inTransaction(connection, () => appendLosses(context, connection, [loss]));
}
