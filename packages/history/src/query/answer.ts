/** What every answer has: its range, what was lost in it, and when nobody was recording. */
import { HistoryError, InterruptedError } from '../errors.js';
import { RowReader, rowColumns } from '../rows/row-reader.js';
import { type LossRow, lossColumns, RECENT } from '../schema/index.js';
import { failureKind } from '../store/failure-kind.js';
import type { HistoryReader, Session, TimeRange } from '../store/session.js';
import { timeValue } from './condition.js';

/** Losses in a range, and the spans of it of which there are no rows. */
export interface Coverage {
  /** In order of time. Their own spans may reach beyond the range. */
  readonly losses: readonly LossRow[];
  /** Spans in which no collector was recording (before the first, between two), whose rows are no longer kept, or not in yet. */
  readonly unrecorded: readonly TimeRange[];
  /** What the answer lacks of other hosts; absent where only one history is asked. */
  readonly incomplete?: readonly Incomplete[];
}

/** What an answer lacks of a host. */
export interface Incomplete {
  /** What the host is called in the configuration. */
  readonly host: string;
  /** Whether it answered, and only a part is lacking. */
  readonly answered: boolean;
  readonly reason: string;
}

/** An answer to a question about a range of time. */
export interface Answer<T> extends Coverage {
  readonly range: TimeRange;
  readonly result: T;
}

/** Limits on a question. */
export interface QueryLimits {
  /** Ends the question. */
  readonly signal?: AbortSignal;
  /** Milliseconds; after them the question ends with an InterruptedError. Default: none. */
  readonly timeLimitMs?: number;
}

/** Asks a question within its limits. @throws InterruptedError; HistoryError where it needs more memory than there is. */
export async function ask<T>(
  reader: HistoryReader,
  limits: QueryLimits,
  question: (session: Session) => Promise<T>,
): Promise<T> {
  try {
    return await askInTime(reader, limits, question);
  } catch (error) {
    if (failureKind(error) !== 'memory') throw error;
    throw new HistoryError('the question needs more memory than the history may use: ask about less', {
      cause: error,
    });
  }
}

async function askInTime<T>(
  reader: HistoryReader,
  { signal, timeLimitMs }: QueryLimits,
  question: (session: Session) => Promise<T>,
): Promise<T> {
  if (timeLimitMs === undefined) return reader.read(question, signal === undefined ? {} : { signal });
  const ending = new AbortController();
  const end = () => ending.abort();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    end();
  }, timeLimitMs);
  if (signal?.aborted === true) end();
  signal?.addEventListener('abort', end);
  try {
    return await reader.read(question, { signal: ending.signal });
  } catch (error) {
    if (error instanceof InterruptedError && isLate && signal?.aborted !== true)
      throw new InterruptedError(`the question took longer than ${timeLimitMs} ms: ask about less`, true);
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', end);
  }
}

/** Asks a question about a range; the answer has what was lost in it. */
export async function answer<T>(
  reader: HistoryReader,
  range: TimeRange,
  limits: QueryLimits,
  question: (session: Session) => Promise<T>,
): Promise<Answer<T>> {
  return ask(reader, limits, async (session) => ({
    range,
    result: await question(session),
    ...(await coverageOf(session, range)),
  }));
}

/** What was lost in a range, and when nobody recorded. */
export async function coverageOf(session: Session, range: TimeRange): Promise<Coverage> {
  return { losses: await lossesIn(session, range), unrecorded: await unrecordedIn(session, range) };
}

async function lossesIn(session: Session, range: TimeRange): Promise<LossRow[]> {
  const names = rowColumns(lossColumns).map((name) => `"${name}"`);
  const rows = await session.query(
    `SELECT ${names} FROM ${session.source('losses')} WHERE time >= ? AND coalesce(since, time) < ? ORDER BY time`,
    [timeValue(range.from), timeValue(range.to)],
  );
  const reader = new RowReader(lossColumns);
  const extra = session.extraLosses.filter(
    ({ time, since = time }) => time >= range.from && since < range.to,
  );
  return [...rows.map((row) => reader.read(row)), ...extra];
}

/** The range without the spans from each epoch's start, or the oldest rows that are kept of it, to its last watermark. */
async function unrecordedIn(session: Session, { from, to }: TimeRange): Promise<TimeRange[]> {
  const rows = await session.query(
    `SELECT epoch_ns(max(started)), epoch_ns(max(time)) FROM ${RECENT}.batches
     GROUP BY epoch HAVING max(time) > max(started) ORDER BY 1`,
  );
  const spans: TimeRange[] = [];
  let at = from;
  for (const [started, ended] of rows as [bigint, bigint][]) {
    if (started >= to) break;
    if (started > at) spans.push({ from: at, to: started });
    if (ended > at) at = ended;
  }
  if (at < to) spans.push({ from: at, to });
  return spans;
}
