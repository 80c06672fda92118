/** Hosts that have shipped nothing for some hours: an answer lacks what happened there, and says so. */
import type { Incomplete } from '../../query/answer.js';
import type { TimeRange } from '../../store/session.js';
import type { ClickhouseConnection } from '../clickhouse-connection.js';
import { clickhouseDialect } from '../clickhouse-dialect.js';
import { tablePlace } from '../create-tables.js';
import type { Asking } from './clickhouse-reader.js';
import { hostNamesIn } from './hosts.js';
import { clickhouseFields } from './read-fields.js';

const HOUR = 3_600n;
const SECOND = 1_000_000_000n;
/** Hours are expected so long after their end: hosts may wait for 55 minutes before they ship one. */
const EXPECTED_AFTER = HOUR;
/** A host that has had no rows for longer is one that is no more. */
const REMEMBERED = 7n * 24n * HOUR;
/** The tables of sums have no time beyond 2106. */
const LAST = 2n ** 32n - HOUR;
/** Hosts and spans that are named. */
const MOST_HOSTS = 100;
const MOST_SPANS = 3;

/** Seconds since 1970. */
interface Span {
  readonly from: bigint;
  readonly to: bigint;
}

/** When a host has rows, as the database finds it. */
interface Seen {
  readonly id: bigint;
  readonly first: bigint;
  /** The beginning of the last hour with rows. */
  readonly last: bigint;
  /** Hours with rows that have an hour without any between them. */
  readonly gaps: readonly (readonly [bigint, bigint])[];
}

/** Answers of the last half minute, as each question about a range asks for the same. */
const remembered = new WeakMap<ClickhouseConnection, Map<string, Promise<readonly Incomplete[]>>>();
const REMEMBERED_MS = 30_000;
const MOST_REMEMBERED = 100;

/**
 * The hosts of which full hours of a range lack, those that lack most first.
 *
 * @param known From the first row to the end of the last hour that any host has shipped.
 */
export function silentHosts(
  asking: Asking,
  range: TimeRange,
  known: TimeRange | undefined,
): Promise<readonly Incomplete[]> {
  const hours = expectedHours(range, known);
  if (hours === undefined) return Promise.resolve([]);
  const answers = remembered.get(asking.connection) ?? new Map<string, Promise<readonly Incomplete[]>>();
  remembered.set(asking.connection, answers);
  const key = `${hours.from} ${hours.to}`;
  const earlier = answers.get(key);
  if (earlier !== undefined) return earlier;
  if (answers.size >= MOST_REMEMBERED) answers.clear();
  const found = findSilent(asking, hours);
  answers.set(key, found);
  const forget = () => {
    if (answers.get(key) === found) answers.delete(key);
  };
  found.catch(forget);
  setTimeout(forget, REMEMBERED_MS).unref();
  return found;
}

/** The hours of a range that each host should have shipped by now. */
function expectedHours({ from, to }: TimeRange, known: TimeRange | undefined): Span | undefined {
  if (known === undefined) return undefined;
  const now = BigInt(Date.now()) / 1000n;
  const floor = (seconds: bigint) => (seconds / HOUR) * HOUR;
  const ends = [floor(to / SECOND + HOUR - 1n), known.to / SECOND, floor(now - EXPECTED_AFTER), LAST];
  const begins = [floor(from / SECOND), known.from / SECOND];
  const begin = begins.reduce((a, b) => (a > b ? a : b));
  const end = ends.reduce((a, b) => (a < b ? a : b));
  return begin < end ? { from: floor(begin), to: end } : undefined;
}

async function findSilent(asking: Asking, hours: Span): Promise<readonly Incomplete[]> {
  const names = await hostNamesIn(asking);
  const [field] = names.joined(['host'], [clickhouseFields.host!], clickhouseDialect);
  const begin = hours.from < REMEMBERED ? 0n : hours.from - REMEMBERED;
  const rows = await asking.rows(
    `SELECT host, min(hour), max(hour), arraySort(groupArray(hour)) AS hours,
       arrayFilter(gap -> gap.2 > gap.1 + ${HOUR} AND gap.2 > ${hours.from}, arrayZip(arrayPopBack(hours), arrayPopFront(hours)))
     FROM (SELECT ${field!.sql} AS host, toUInt32(toStartOfHour("time")) AS hour FROM ${tablePlace(asking, 'traffic_hours')}
       WHERE "time" >= toDateTime(${begin}) AND "time" < toDateTime(${hours.to}) GROUP BY host, hour) GROUP BY host`,
  );
  const silent = rows
    .map(([id, first, last, , gaps]) => ({
      ...{ id: BigInt(id as string), first: BigInt(first as number), last: BigInt(last as number) },
      gaps: (gaps as [number, number][]).map(([a, b]) => [BigInt(a), BigInt(b)] as const),
    }))
    .map((seen) => ({ host: names.shown(seen.id), seen, spans: spansWithout(seen, hours) }))
    .filter(({ spans }) => spans.length > 0)
    .toSorted((a, b) => Number(lengthOf(b.spans) - lengthOf(a.spans)) || (a.host < b.host ? -1 : 1));
  return silent.slice(0, MOST_HOSTS).map(({ host, seen, spans }) => ({
    host,
    answered: seen.last >= hours.from && lengthOf(spans) < hours.to - hours.from,
    reason: `no rows ${spansText(spans)}: it was down, has not shipped them, or had no connections`,
  }));
}

/** The hours of a range without rows of a host, from its first row on. */
function spansWithout({ first, last, gaps }: Seen, { from, to }: Span): Span[] {
  const all = [...gaps.map(([a, b]) => ({ from: a + HOUR, to: b })), { from: last + HOUR, to }];
  return all
    .map((span) => ({ from: span.from > from ? span.from : from, to: span.to < to ? span.to : to }))
    .filter((span) => span.from < span.to && span.from >= first);
}

function lengthOf(spans: readonly Span[]): bigint {
  return spans.reduce((sum, { from, to }) => sum + to - from, 0n);
}

function spansText(spans: readonly Span[]): string {
  const texts = spans.slice(0, MOST_SPANS).map(({ from, to }) => {
    const [begin, end] = [timeText(from), timeText(to)];
    return `from ${begin} to ${begin.slice(0, 10) === end.slice(0, 10) ? end.slice(11) : end}`;
  });
  const more = spans.length - texts.length;
  return `${texts.join(', ')} UTC${more > 0 ? `, and ${more} times more` : ''}`;
}

function timeText(seconds: bigint): string {
  return new Date(Number(seconds) * 1000).toISOString().slice(0, 16).replace('T', ' ');
}
