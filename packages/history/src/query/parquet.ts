/** Connections of a range as a Parquet file. */
import { constants } from 'node:fs';
import { chmod, copyFile, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBValue } from '@duckdb/node-api';
import { OptionError } from '@weir/ebpf/errors';
import { quoteText } from '../schema/index.js';
import type { HistoryReader, TimeRange } from '../store/session.js';
import { type Answer, answer, type QueryLimits } from './answer.js';
import { all, type Condition, within } from './condition.js';
import { checkLimit } from './groups.js';

/** Which connections are wanted, and where. */
export interface ParquetQuery extends QueryLimits {
  readonly range: TimeRange;
  readonly where?: Condition;
  /** At most so many, the newest first, up to 2^31 - 1. Default: all. */
  readonly limit?: number;
  /** The file to make. */
  readonly file: string;
}

const MOST_ROWS = 2 ** 31 - 1;

/**
 * Writes the rows of `ends` of a range to a new file that only its owner can read.
 *
 * @returns how many there are.
 * @throws OptionError where there is such a file; InterruptedError
 */
export function writeParquet(reader: HistoryReader, query: ParquetQuery): Promise<Answer<number>> {
  const { range, where, file } = query;
  const limit = checkLimit(query.limit ?? MOST_ROWS, MOST_ROWS);
  return answer(reader, range, query, async (session) => {
    const folder = await mkdtemp(join(session.temporary, 'parquet-'));
    try {
      const path = join(folder, 'ends.parquet');
      const { sql, values } = all(within(range), where);
      const [row] = await session.query(
        `COPY (SELECT * FROM ${session.source('ends', { range })} WHERE ${sql} ORDER BY time DESC LIMIT ${limit})
         TO ${quoteText(path)} (FORMAT parquet, COMPRESSION zstd)`,
        [...values] as DuckDBValue[],
      );
      await putAt(path, file);
      return Number(row![0]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

async function putAt(path: string, file: string): Promise<void> {
  // The copy has the mode of what is copied.
  await chmod(path, 0o600);
  try {
    await copyFile(path, file, constants.COPYFILE_EXCL);
  } catch (error) {
    throw newFileError(file, error);
  }
}

/** Why a path cannot be that of a new file, by the system's code. */
const badPlaces: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such folder',
  ENOTDIR: 'a part of its path is no folder',
  ENAMETOOLONG: 'its name is too long',
  ELOOP: 'its path has too many symbolic links',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
};

/** An error of making a new file, for whoever named it: an OptionError where another name would do. */
export function newFileError(file: string, error: unknown): unknown {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (file === '') return new OptionError('expected the name of a file');
  if (code === 'EEXIST') return new OptionError(`${file} exists, and is not overwritten`);
  const reason = badPlaces[code];
  return reason === undefined ? error : new OptionError(`${file} cannot be made: ${reason}`);
}
