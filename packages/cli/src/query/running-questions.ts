/** Asks a running server. Its answers are those of the history itself, as JSON. */
import { createWriteStream } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { HistoryError, InterruptedError } from '@weir/history';
import {
  type Answer,
  type Comparison,
  type Coverage,
  type Difference,
  type Group,
  type Groups,
  type Incomplete,
  newFileError,
  type SqlResult,
} from '@weir/history/query';
import type { LossRecord, RowRecord } from '@weir/history/rows';
import type { LossRow } from '@weir/history/schema';
import { UsageError } from '../failure.js';
import type { ApiClient, Parameters } from './api-client.js';
import { NO_API } from './api-failure.js';
import { checkedFigures, checkedRecord } from './checked-answer.js';
import type { Questions, WrittenFilter } from './questions.js';

type Range = Answer<unknown>['range'];

interface CoverageJson {
  readonly losses: readonly LossRecord[];
  readonly unrecorded: readonly { readonly from: string; readonly to: string }[];
  readonly incomplete?: readonly Incomplete[];
}

interface ConnectionsJson extends CoverageJson {
  readonly connections: readonly RowRecord[];
  readonly next?: string;
  readonly count: number;
}

interface SeriesJson extends CoverageJson {
  readonly series: readonly {
    readonly key: Group['key'];
    readonly points: readonly (Group & { readonly time: string })[];
  }[];
}

interface CompareJson extends CoverageJson {
  readonly against: CoverageJson;
  readonly differences: readonly Difference[];
  readonly count: number;
}

/** Asks a server. @throws UsageError, HistoryError where it does not answer */
export async function runningQuestions(client: ApiClient): Promise<Questions> {
  const status = (await client.get('/status')) as { limits?: { rows?: unknown } } | null;
  const mostRows = status?.limits?.rows;
  if (typeof mostRows !== 'number')
    throw new UsageError(`${client.place.name} ${NO_API}: check the URL, and its version`);
  /** Asks, and reads the answer of a program that may be anybody's. */
  const ask = async <Json extends CoverageJson, T>(
    path: string,
    { range, ...parameters }: { range?: Range } & Record<string, unknown>,
    signal: AbortSignal | undefined,
    read: (json: Json) => T,
  ): Promise<Coverage & { readonly result: T }> => {
    const wanted = { ...(range !== undefined && { range: rangeText(range) }), ...parameters } as Parameters;
    const json = await client.get(path, wanted, signal);
    return checked(client, () => ({ ...coverageOf(json as Json), result: read(json as Json) }));
  };
  return {
    mostRows,
    connections: async ({ range, filter, limit, cursor, order, signal }) => ({
      range,
      ...(await ask(
        '/connections',
        { range, ...filterParameter(filter), limit: numberText(limit), cursor, order },
        signal,
        ({ connections, next }: ConnectionsJson) => ({
          records: connections.map(checkedRecord),
          ...(next !== undefined && { next }),
        }),
      )),
    }),
    groups: async ({ range, filter, by, order, limit, percentiles, signal }) => ({
      range,
      ...(await ask(
        '/groups',
        {
          ...{ range, ...filterParameter(filter), by: by.join(','), order, limit: numberText(limit) },
          percentiles: percentiles?.join(','),
        },
        signal,
        ({ groups, count, total }: Groups & CoverageJson) => ({
          groups: groups.map(checkedFigures),
          count,
          total: checkedFigures(total),
        }),
      )),
    }),
    series: async ({ range, filter, by = [], step, order, limit, signal }) => ({
      range,
      ...(await ask(
        '/series',
        {
          ...{ range, ...filterParameter(filter), by: by.join(','), order, limit: numberText(limit) },
          step: `${step / 1_000_000n}ms`,
        },
        signal,
        ({ series }: SeriesJson) =>
          series.map(({ key, points }) => ({
            key,
            points: points.map(({ time, ...point }) => ({
              time: nanoseconds(time),
              ...checkedFigures(point),
            })),
          })),
      )),
    }),
    openAt: async ({ at, filter, limit, figures, signal }) => ({
      range: { from: at, to: at + 1n },
      ...(await ask(
        '/open-at',
        { at: momentText(at), ...filterParameter(filter), limit: numberText(limit), figures },
        signal,
        ({ connections, count }: ConnectionsJson) => ({ records: connections.map(checkedRecord), count }),
      )),
    }),
    compare: async ({ range, against, filter, by, limit, signal }) => ({
      range,
      ...(await ask(
        '/compare',
        {
          ...{ range, against: rangeText(against), ...filterParameter(filter) },
          ...{ by: by.join(','), limit: numberText(limit) },
        },
        signal,
        ({ differences, count, against: other }: CompareJson): Comparison => ({
          ...{ against, againstCoverage: coverageOf(other), count },
          differences: differences.map(checkedFigures),
        }),
      )),
    }),
    parquet: async ({ range, filter, limit, file, signal }) => {
      // Asked before: what comes in meanwhile may be in the file although this says that it is not.
      const coverage = await ask('/losses', { range }, signal, () => null);
      const parameters = { range: rangeText(range), ...filterParameter(filter), limit: numberText(limit) };
      return { range, ...coverage, result: await download(client, parameters, file, signal) };
    },
    coverage: async ({ range, signal }) => ({
      range,
      ...(await ask('/losses', { range }, signal, () => null)),
    }),
    sql: async ({ sql, limit, signal }) => {
      const json = await client.post('/sql', { sql, ...(limit !== undefined && { limit }) }, signal);
      return checked(client, () => {
        const { columns, rows, truncated } = json as SqlResult;
        return { columns: [...columns], rows: [...rows], truncated };
      });
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

/** A server of another version, or no server at all, may answer anything. */
function checked<T>({ place }: ApiClient, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new HistoryError(
      `${place.name} gave an answer that makes no sense here: has it the same version?`,
      {
        cause: error,
      },
    );
  }
}

function numberText(value: number | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}

function filterParameter(filter: WrittenFilter | undefined) {
  return filter === undefined ? {} : { filter: filter.text };
}

/** An instant to the nanosecond, also before 1970. */
function momentText(ns: bigint): string {
  const size = ns < 0n ? -ns : ns;
  const fraction = String(size % 1_000_000_000n).padStart(9, '0');
  return `@${ns < 0n ? '-' : ''}${size / 1_000_000_000n}.${fraction}`;
}

function rangeText({ from, to }: Range): string {
  return `${momentText(from)}..${momentText(to)}`;
}

/** Reads RFC 3339 in UTC with nanoseconds, in any year. */
function nanoseconds(time: string): bigint {
  const dot = time.lastIndexOf('.');
  return BigInt(Date.parse(`${time.slice(0, dot)}Z`)) * 1_000_000n + BigInt(time.slice(dot + 1, -1));
}

function coverageOf({ losses, unrecorded, incomplete }: CoverageJson): Coverage {
  return {
    ...(incomplete !== undefined && {
      incomplete: incomplete.map(({ host, answered, reason }) => ({
        host: String(host),
        answered: answered === true,
        reason: String(reason),
      })),
    }),
    losses: losses.map(lossRow),
    unrecorded: unrecorded.map(({ from, to }) => ({ from: nanoseconds(from), to: nanoseconds(to) })),
  };
}

function lossRow({ since, time, count, where, detail, host }: LossRecord): LossRow {
  return {
    ...(host !== undefined && { host_id: BigInt(`0x${host}`) }),
    time: nanoseconds(time),
    ...(since !== undefined && { since: nanoseconds(since) }),
    ...(count !== undefined && { count }),
    place: where,
    ...(detail !== undefined && { detail }),
  } as LossRow;
}

/** Makes a file of what the server sends. @returns the number of rows in it */
async function download(
  client: ApiClient,
  parameters: Parameters,
  file: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  const response = await client.open('/parquet', parameters, signal);
  const rows = Number(response.headers['weir-rows']);
  let isMade = false;
  try {
    const output = createWriteStream(file, { flags: 'wx', mode: 0o600 });
    output.once('open', () => {
      isMade = true;
    });
    await pipeline(response, output);
  } catch (error) {
    if (isMade) await unlink(file).catch(() => undefined);
    response.destroy();
    throw signal?.aborted === true
      ? new InterruptedError('the question was interrupted')
      : newFileError(file, error);
  }
  return rows;
}
