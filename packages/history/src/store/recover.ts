/** Brings a folder and its database file to agree when it is opened: half steps are finished or undone, damage is set aside. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import { type LossRow, quoteText } from '../schema/index.js';
import { TableWriter } from './append-rows.js';
import { addSegment, deleteSegment, query, type Segment } from './catalog.js';
import type { StoreContext } from './context.js';
import { inTransaction } from './database.js';
import { removeFile, removeFolder, renameFile, sizeOf } from './files.js';
import { DAMAGED, isSegmentName, segmentPattern, UNFINISHED } from './layout.js';
import type { OpenDatabase } from './open-database.js';
import { segmentProblem } from './segment-file.js';

/** What is wrong with a segment. */
export interface Damage {
  readonly segment: Segment;
  readonly problem: string;
}

/** Files that are looked at before others get their turn. */
const CHECKED_AT_ONCE = 64;

/** Segments whose files are not what was written. */
export async function findDamage(context: StoreContext, segments: readonly Segment[]): Promise<Damage[]> {
  const damage: Damage[] = [];
  for (const [index, segment] of segments.entries()) {
    if (index % CHECKED_AT_ONCE === CHECKED_AT_ONCE - 1) await nextTurn();
    const problem = segmentProblem(join(context.layout.segments, segment.name), segment.bytes);
    if (problem !== undefined) damage.push({ segment, problem });
  }
  return damage;
}

/** The loss that a damaged segment is. */
export function lossOf({ segment, problem }: Damage): LossRow {
  const { name, from, to, rows } = segment;
  return {
    since: from,
    time: to,
    count: rows,
    place: 'history',
    detail: `the segment ${name} is damaged: ${problem}`,
  };
}

/** Appends losses within the connection's transaction. */
export async function appendLosses(
  { schema }: StoreContext,
  connection: DuckDBConnection,
  losses: readonly LossRow[],
): Promise<void> {
  const writer = await TableWriter.for(connection, 'losses', schema.tables.losses!);
  await writer.append(connection, losses);
}

/** Renames a damaged segment, and records the loss of its rows. */
export async function setAside(
  context: StoreContext,
  connection: DuckDBConnection,
  damage: Damage,
): Promise<void> {
  const { segment, problem } = damage;
  const path = join(context.layout.segments, segment.name);
  if ((await sizeOf(path)) > 0) await renameFile(path, path + DAMAGED);
  await context.step('damaged:renamed');
  await inTransaction(connection, async () => {
    await deleteSegment(connection, segment.name);
    await appendLosses(context, connection, [lossOf(damage)]);
  });
  await context.step('damaged:committed');
  context.notice({
    kind: 'damaged',
    message: `${path} is damaged: ${problem}. It was renamed to *${DAMAGED}; its ${segment.rows} rows are lost.`,
  });
}

/** Brings the folder of an opened database to agree with it. @param isNew Whether the database file was made just now. */
export async function recover(
  context: StoreContext,
  database: Pick<OpenDatabase, 'maintaining' | 'segments'>,
  isNew: boolean,
): Promise<void> {
  const { layout } = context;
  const { maintaining } = database;
  for (const name of await readdir(layout.temporary)) await removeFolder(join(layout.temporary, name));
  const files = await readdir(layout.segments);
  for (const name of files.filter((each) => each.endsWith(UNFINISHED)))
    await removeFile(join(layout.segments, name));
  const known = await database.segments();
  const recorded = new Set(known.map(({ name }) => name));
  const orphans = files.filter((name) => isSegmentName(name) && !recorded.has(name));
  if (isNew) await recordSegments(context, maintaining, orphans);
  else for (const name of orphans) await removeFile(join(layout.segments, name));
  for (const damage of await findDamage(context, isNew ? await database.segments() : known))
    await setAside(context, maintaining, damage);
}

/** Records segments that an earlier database file knew, which is gone. */
async function recordSegments(
  context: StoreContext,
  connection: DuckDBConnection,
  names: readonly string[],
): Promise<void> {
  let count = 0;
  for (const name of names.toSorted()) {
    const segment = await readSegment(context, connection, name);
    if (segment === undefined) continue;
    await inTransaction(connection, () => addSegment(connection, segment));
    count++;
  }
  if (count > 0)
    context.notice({
      kind: 'rebuilt',
      message: `${context.layout.database} is new; ${count} segments that were there are used again.`,
    });
}

async function readSegment(
  context: StoreContext,
  connection: DuckDBConnection,
  name: string,
): Promise<Segment | undefined> {
  const [, table, text, part] = segmentPattern.exec(name)!;
  const path = join(context.layout.segments, name);
  if (!(table! in context.schema.tables)) return undefined;
  try {
    const problem = segmentProblem(path);
    if (problem !== undefined) throw new Error(problem);
    const [row] = await query(
      connection,
      `SELECT count(*), epoch_ns(min(time)), epoch_ns(max(time)) FROM read_parquet(${quoteText(path)})`,
    );
    const [rows, from, to] = row!;
    return {
      table: table!,
      hour: Date.parse(`${text}:00:00Z`) / 3_600_000,
      part: Number(part),
      name,
      rows: Number(rows),
      bytes: await sizeOf(path),
      from: from as bigint,
      to: to as bigint,
      version: await segmentVersion(connection, path),
    };
  } catch (error) {
    await renameFile(path, path + DAMAGED);
    context.notice({
      kind: 'damaged',
      message: `${path} is damaged: ${(error as Error).message}. It was renamed to *${DAMAGED}.`,
    });
    return undefined;
  }
}

async function segmentVersion(connection: DuckDBConnection, path: string): Promise<number> {
  const [row] = await query(
    connection,
    `SELECT decode(value) FROM parquet_kv_metadata(${quoteText(path)}) WHERE decode(key) = 'weir_schema'`,
  );
  return Number(row?.[0] ?? 1);
}
