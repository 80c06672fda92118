/** The questions of the bench: to Weir, and the same in SQL to the databases beside it. Pure but for asking. */
import type { HistoryReader } from '@weir/history';
import {
  filterSource,
  filterSql,
  queryCompare,
  queryConnections,
  queryGroups,
  queryMap,
  queryOpenAt,
  querySeries,
  querySql,
} from '@weir/history/query';
import { parseFilter } from '@weir/tracer/filter';

/** The times that questions are about, nanoseconds since 1970. */
export interface Span {
  readonly from: bigint;
  readonly to: bigint;
}

/** A question. */
export interface Question {
  readonly name: string;
  /** CPU milliseconds that it should take at most. */
  readonly aimMs?: number;
  readonly ask: (reader: HistoryReader, all: Span) => Promise<unknown>;
  /** The same over a table `ends` whose `time_ns` is a number, where a database beside has what it takes. */
  readonly sql?: (all: Span) => string;
}

const HOUR = 3_600_000_000_000n;
const DAY = 24n * HOUR;
const filter = (text: string) => filterSql(parseFilter(text), filterSource('ends'));
/** The last whole day, and the one before it. */
const lastDay = ({ to }: Span): Span => ({ from: to - DAY, to });
const dayBefore = ({ to }: Span): Span => ({ from: to - 2n * DAY, to: to - DAY });
const inSpan = ({ from, to }: Span) => `time_ns >= ${from} AND time_ns < ${to}`;
const sums = `count(*), sum(CASE event WHEN 'fail' THEN 1 ELSE 0 END), sum(bytes_sent), sum(bytes_received),
  sum(segments_sent), sum(segments_received), sum(retransmits), avg(handshake_us), avg(srtt_us), avg(duration_us)`;
const largest = 'coalesce(sum(bytes_sent), 0) + coalesce(sum(bytes_received), 0) DESC';
const peer = '10.3.21.164';

/** @param id A connection's number, 16 hexadecimal digits. */
export function questions(id: string): Question[] {
  return [
    {
      name: 'the newest 1,000',
      ask: (reader, range) => queryConnections(reader, { range }),
      sql: () => 'SELECT * FROM ends ORDER BY time_ns DESC LIMIT 1000',
    },
    {
      name: 'one address and port, all days',
      aimMs: 1440,
      ask: (reader, range) =>
        queryConnections(reader, { range, where: filter(`peer=${peer} and port=5432`) }),
      sql: () =>
        `SELECT * FROM ends WHERE peer_address = '${peer}' AND peer_port = 5432 ORDER BY time_ns DESC LIMIT 1001`,
    },
    {
      name: 'bytes by process, all days',
      aimMs: 1421,
      ask: (reader, range) => queryGroups(reader, { range, by: ['process'] }),
      sql: () => `SELECT comm, ${sums} FROM ends GROUP BY comm ORDER BY ${largest} LIMIT 100`,
    },
    {
      name: 'peers, a day',
      aimMs: 45,
      ask: (reader, all) => queryGroups(reader, { range: lastDay(all), by: ['peer'] }),
      sql: (all) =>
        `SELECT peer_address, ${sums} FROM ends WHERE ${inSpan(lastDay(all))} GROUP BY peer_address ORDER BY ${largest} LIMIT 100`,
    },
    {
      name: 'processes and peers, a day',
      aimMs: 145,
      ask: (reader, all) => queryGroups(reader, { range: lastDay(all), by: ['process', 'peer'] }),
      sql: (all) =>
        `SELECT comm, peer_address, ${sums} FROM ends WHERE ${inSpan(lastDay(all))} GROUP BY comm, peer_address ORDER BY ${largest} LIMIT 100`,
    },
    {
      name: 'hour by hour, all days',
      ask: (reader, range) => querySeries(reader, { range, step: HOUR }),
      sql: () => `SELECT time_ns / ${HOUR}, ${sums} FROM ends GROUP BY 1 ORDER BY 1`,
    },
    {
      name: 'percentiles of peers, a day',
      aimMs: 847,
      ask: (reader, all) =>
        queryGroups(reader, { range: lastDay(all), by: ['peer'], percentiles: [0.5, 0.95, 0.99] }),
    },
    {
      name: 'open at a moment',
      aimMs: 181,
      ask: (reader, { to }) => queryOpenAt(reader, { at: to - 10n * HOUR - HOUR / 2n }),
      sql: ({ to }) =>
        `SELECT * FROM ends WHERE time_ns > ${to - 10n * HOUR - HOUR / 2n} AND time_ns < ${to - 9n * HOUR}
         AND time_ns - duration_us * 1000 <= ${to - 10n * HOUR - HOUR / 2n} AND event <> 'fail'`,
    },
    {
      name: 'a day against the one before, by process and peer',
      aimMs: 736,
      ask: (reader, all) =>
        queryCompare(reader, { range: lastDay(all), against: dayBefore(all), by: ['process', 'peer'] }),
      sql: (all) => {
        const grouped = (span: Span) =>
          `SELECT comm, peer_address, ${sums} FROM ends WHERE ${inSpan(span)} GROUP BY comm, peer_address`;
        return `SELECT * FROM (${grouped(lastDay(all))}) AS now LEFT JOIN (${grouped(dayBefore(all))}) AS before
          ON before.comm = now.comm AND before.peer_address = now.peer_address LIMIT 1000`;
      },
    },
    {
      name: 'map by process, a day',
      aimMs: 847,
      ask: (reader, all) => queryMap(reader, { range: lastDay(all), by: 'process' }),
    },
    {
      name: 'one connection by its id, all days',
      aimMs: 72,
      ask: (reader, range) =>
        queryConnections(reader, { range, where: filter(`connection_id=${id}`), limit: 2 }),
      sql: () => `SELECT * FROM ends WHERE connection_id = '${id}'`,
    },
    {
      name: 'SQL: failures by errno, all days',
      aimMs: 326,
      ask: (reader) =>
        querySql(reader, { sql: 'SELECT error, count(*) FROM ends WHERE error IS NOT NULL GROUP BY error' }),
      // SQLite's import knows no NULL.
      sql: () => "SELECT error, count(*) FROM ends WHERE error <> '' GROUP BY error",
    },
  ];
}
