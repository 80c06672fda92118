/** What every answer has beside its result: losses of all hosts, and when nothing was recorded anywhere. */
import type { Answer, Coverage, QueryLimits } from '../../query/answer.js';
import { lossColumns } from '../../schema/index.js';
import type { TimeRange } from '../../store/session.js';
import { tablePlace } from '../create-tables.js';
import { timeSql } from './bounds.js';
import type { Asking, ClickhouseReader } from './clickhouse-reader.js';
import { ClickhouseRows, selectedColumns } from './row-columns.js';
import { silentHosts } from './silence.js';

/** Asks a question about a range; the answer has what was lost in it. */
export function answerIn<T>(
  reader: ClickhouseReader,
  range: TimeRange,
  limits: QueryLimits,
  question: (asking: Asking) => Promise<T>,
): Promise<Answer<T>> {
  return reader.ask(limits, async (asking) => {
    const result = await question(asking);
    return { range, result, ...(await coverageIn(asking, range)) };
  });
}

/** What was lost in a range, the spans of it of which no host has rows, and the hosts that have none for some of its hours. */
export async function coverageIn(asking: Asking, range: TimeRange): Promise<Coverage> {
  const rows = await asking.rows(
    `SELECT ${selectedColumns(lossColumns)} FROM ${tablePlace(asking, 'losses')} FINAL
     WHERE "time" >= ${timeSql(range.from)} AND ifNull("since", "time") < ${timeSql(range.to)} ORDER BY "time"`,
  );
  const reader = new ClickhouseRows(lossColumns);
  const known = await knownSpan(asking);
  return {
    losses: rows.map((row) => reader.read(row)),
    unrecorded: outside(range, known),
    incomplete: await silentHosts(asking, range, known),
  };
}

const HOUR_S = 3600n;

/** From the first minute of which there are rows to the end of the last hour that a host has shipped. */
export async function knownSpan(asking: Asking): Promise<TimeRange | undefined> {
  const [row] = await asking.rows(
    `SELECT count(), toUnixTimestamp(min("time")), toUnixTimestamp(max("time")) FROM ${tablePlace(asking, 'traffic_minutes')}`,
  );
  const [count, first, last] = row!.map((value) => BigInt(value as string)) as [bigint, bigint, bigint];
  if (count === 0n) return undefined;
  return { from: first * 1_000_000_000n, to: (last / HOUR_S + 1n) * HOUR_S * 1_000_000_000n };
}

function outside({ from, to }: TimeRange, known: TimeRange | undefined): TimeRange[] {
  if (known === undefined) return [{ from, to }];
  const [begin, end] = [known.from < to ? known.from : to, known.to > from ? known.to : from];
  return [
    { from, to: begin },
    { from: end, to },
  ].filter((span) => span.from < span.to);
}
