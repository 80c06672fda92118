/** Asks the history in a folder, or in an exported file. */
import { type Stats, statSync } from 'node:fs';
import { DamagedHistoryError, ExportedHistory, type HistoryReader, HistoryStore } from '@weir/history';
import {
  answer,
  type Condition,
  filterCondition,
  type GroupKey,
  queryCompare,
  queryConnections,
  queryGroups,
  queryHosts,
  queryOpenAt,
  querySeries,
  querySql,
  withHostNames,
  writeParquet,
} from '@weir/history/query';
import { endRecord, openRecord, type RowRecord } from '@weir/history/rows';
import { serverPlaces } from '@weir/server';
import { servePaths } from '@weir/server/serve';
import { Services } from '@weir/tracer/enrich';
import { UsageError } from '../failure.js';
import { checkedRecord } from './checked-answer.js';
import type { Questions, WrittenFilter } from './questions.js';

/** SQL may ask for what never ends; a server limits it to the same time by default. */
const SQL_MS = 30_000;

/**
 * Opens what a path names: the folder of `weir serve`, that of its server, the history in it, or an exported file.
 *
 * @param sqlMs The time that a statement of SQL may take, milliseconds.
 * @throws UsageError where there is nothing; HistoryInUseError while another process has it open
 */
export async function folderQuestions(path: string, sqlMs = SQL_MS): Promise<Questions> {
  const found = statOf(path);
  if (found === undefined) throw new UsageError(`${path} does not exist: weir serve keeps a history there`);
  if (!found.isDirectory()) return questionsOf(await ExportedHistory.open(path), sqlMs);
  const inside = [servePaths(path).history, serverPlaces(path).history];
  const folder = inside.find((inner) => statOf(inner)?.isDirectory()) ?? path;
  return questionsOf(await HistoryStore.open({ folder, readOnly: true }), sqlMs);
}

/** @throws UsageError where it may not be looked at */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    throw new UsageError(`${path}: permission denied; ask as root, or as the user of weir serve`, {
      cause: error,
    });
  }
}

/** The files of a folder may be anybody's, too. */
function fromFolder(record: RowRecord): RowRecord {
  try {
    return checkedRecord(record);
  } catch (error) {
    throw new DamagedHistoryError(`the history is damaged: ${(error as Error).message}`, { cause: error });
  }
}

function questionsOf(reader: HistoryReader & { close(): Promise<void> }, sqlMs: number): Questions {
  const services = [...Services.read()];
  const where = async (
    filter: WrittenFilter | undefined,
    table: 'ends' | 'opens' = 'ends',
  ): Promise<{ where?: Condition }> =>
    filter === undefined ? {} : { where: await filterCondition(reader, filter.tree, { table, services }) };
  const named = <Each extends { readonly key: GroupKey }>(by: readonly string[], list: readonly Each[]) =>
    withHostNames(by, list, () => queryHosts(reader));
  return {
    connections: async ({ filter, ...query }) => {
      const { result, ...rest } = await queryConnections(reader, { ...query, ...(await where(filter)) });
      const { rows, ...page } = result;
      return { ...rest, result: { records: rows.map(endRecord).map(fromFolder), ...page } };
    },
    groups: async ({ filter, ...query }) => {
      const { result, ...rest } = await queryGroups(reader, { ...query, ...(await where(filter)) });
      return { ...rest, result: { ...result, groups: await named(query.by, result.groups) } };
    },
    series: async ({ filter, ...query }) => {
      const { result, ...rest } = await querySeries(reader, { ...query, ...(await where(filter)) });
      return { ...rest, result: await named(query.by ?? [], result) };
    },
    openAt: async ({ filter, ...query }) => {
      const { result, ...rest } = await queryOpenAt(reader, { ...query, ...(await where(filter, 'opens')) });
      return {
        ...rest,
        result: { records: result.rows.map(openRecord).map(fromFolder), count: result.count },
      };
    },
    compare: async ({ filter, ...query }) => {
      const { result, ...rest } = await queryCompare(reader, { ...query, ...(await where(filter)) });
      return { ...rest, result: { ...result, differences: await named(query.by, result.differences) } };
    },
    parquet: async ({ filter, ...query }) => writeParquet(reader, { ...query, ...(await where(filter)) }),
    coverage: ({ range, ...limits }) => answer(reader, range, limits, async () => null),
    sql: (query) => querySql(reader, { ...query, timeLimitMs: sqlMs }),
    [Symbol.asyncDispose]: () => reader.close(),
  };
}
