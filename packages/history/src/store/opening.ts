/** Opens the database of a folder: for writing, after the folder was made fit for it; for reading, as it is. */
import { HistoryError, NoHistoryError, ReadOnlyError } from '../errors.js';
import { openOrSetAside, recordLostRows } from './broken-database.js';
import { prepareSchema } from './catalog.js';
import type { StoreContext } from './context.js';
import type { DatabaseLimits } from './database.js';
import { keepReserve } from './disk-space.js';
import { failureKind } from './failure-kind.js';
import { ensureFolder, protectFile, removeFolder, sizeOf } from './files.js';
import { OpenDatabase } from './open-database.js';
import { type Damage, findDamage, recover } from './recover.js';

/** Opens the database file as it is. */
export function openFile(
  { layout }: StoreContext,
  { memoryBytes, threads, temporaryBytes }: DatabaseLimits,
  readOnly: boolean,
): Promise<OpenDatabase> {
  const { database: path, segments, temporary } = layout;
  return OpenDatabase.open({ path, readOnly, segments, temporary, memoryBytes, threads, temporaryBytes });
}

/** Makes the folder, opens the database, and brings both to agree. */
export async function openForWriting(context: StoreContext, limits: DatabaseLimits): Promise<OpenDatabase> {
  const { layout, owner } = context;
  const { database, aside } = await openOrMake(context, limits);
  const connection = database.maintaining;
  try {
    const before = await prepareSchema(connection, context);
    await protectFile(layout.database, owner);
    await recover(context, database, before === undefined);
    if (aside !== undefined) await recordLostRows(context, connection, aside);
    await keepReserve(layout);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

async function openOrMake(
  context: StoreContext,
  limits: DatabaseLimits,
): Promise<{ database: OpenDatabase; aside: string | undefined }> {
  const { layout, owner } = context;
  try {
    for (const folder of [layout.folder, layout.segments, layout.temporary])
      await ensureFolder(folder, owner);
    return await openOrSetAside(context, () => openFile(context, limits, false));
  } catch (error) {
    if (failureKind(error) !== 'read-only' || error instanceof HistoryError) throw error;
    throw new ReadOnlyError(
      `${layout.folder} cannot be written, its disk is read-only: open it for reading only`,
    );
  }
}

/** Opens the database and changes nothing. @returns it, with the segments that cannot be read. */
export async function openForReading(
  context: StoreContext,
  limits: DatabaseLimits,
): Promise<{ database: OpenDatabase; damage: Damage[] }> {
  const { layout, schema } = context;
  if ((await sizeOf(layout.database)) === 0) throw new NoHistoryError(`${layout.folder} has no history`);
  await ensureFolder(layout.temporary, undefined);
  let database: OpenDatabase | undefined;
  try {
    database = await openFile(context, limits, true);
    await database.checkVersion(schema, layout.folder);
    return { database, damage: await findDamage(context, await database.segments()) };
  } catch (error) {
    database?.close();
    await removeFolder(layout.temporary);
    throw error;
  }
}
