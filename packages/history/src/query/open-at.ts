/** What was open at a moment in the past. */
import type { DuckDBValue } from '@duckdb/node-api';
import { RowReader, rowColumns } from '../rows/row-reader.js';
import type { Rates } from '../rows/row-record.js';
import { endColumns, type OpenRow, openColumns, RECENT } from '../schema/index.js';
import type { HistoryReader, Session } from '../store/session.js';
import { type Answer, answer, type QueryLimits } from './answer.js';
import { always, type Condition, timeValue } from './condition.js';
import { checkLimit } from './groups.js';
import { figuresOfLook, figuresOfMoment } from './moment-figures.js';

/** Which moment is wanted. */
export interface OpenAtQuery extends QueryLimits {
  /** Nanoseconds since 1970. */
  readonly at: bigint;
  readonly where?: Condition;
  /** At most so many, up to 100,000. Default: 10,000. */
  readonly limit?: number;
  /**
   * Which figures the connections have. `look` (the default): those of the last look before the moment, or of the end.
   * `moment`: those of the moment itself, with rates; between two looks, traffic is taken to be even. What cannot be known is
   * absent, and without a look after the moment, figures are those of the one before it, without rates.
   */
  readonly figures?: 'look' | 'moment';
}

/** A connection that was open, with its rates at the moment where these were asked for and are known. */
export type OpenConnection = OpenRow & Rates;

/** The connections that were open. */
export interface OpenAt {
  /** In order of their beginning, the oldest first. */
  readonly rows: readonly OpenConnection[];
  /** How many there were. */
  readonly count: number;
}

/** What identifies a connection on its host and boot; of an older one without a number, its ends do. */
const flow = `coalesce(flow_ns::VARCHAR || '.' || flow_cpu::VARCHAR,
  concat_ws(' ', netns, transport, local_address, local_port, peer_address, peer_port))`;
const identity = `host_id, ${flow}`;

const ends = "concat_ws(' ', host_id, netns, transport, local_address, local_port, peer_address, peer_port)";

const LAST = 2n ** 63n - 2n;

/** What a question about a moment asks for. @returns its limit. @throws OptionError where it makes no sense */
export function checkOpenAt({ limit = 10_000 }: OpenAtQuery): number {
  return checkLimit(limit, 100_000);
}

/**
 * What was open at a moment: found by the full sweep before it, the sweeps of changes since, what began and ended between two
 * sweeps, less what had ended. So no more than about the time from one full sweep to the next one but one is read.
 *
 * @throws OptionError, InterruptedError
 */
export function queryOpenAt(reader: HistoryReader, query: OpenAtQuery): Promise<Answer<OpenAt>> {
  const { at, where = always } = query;
  const limit = checkOpenAt(query);
  return answer(reader, { from: at, to: at + 1n }, query, async (session) => {
    const { from, to } = await sweepsAround(session, at);
    const sweeps = { from, to: to + 1n };
    const names = rowColumns(openColumns);
    // Filters compare addresses as numbers, which no row has.
    const sources = Object.keys(openColumns);
    const figures =
      query.figures === 'moment' ? await figuresOfMoment(session, { at, from, flow }) : figuresOfLook;
    const begun = 'make_timestamp_ns(epoch_ns(time) - coalesce(duration_us, 0)::BIGINT * 1000)';
    const fromEnds = sources.map((name) => {
      if (name === 'started') return `CASE WHEN duration_us IS NOT NULL THEN ${begun} END AS started`;
      return name in endColumns ? `"${name}"` : `NULL AS "${name}"`;
    });
    const moment = timeValue(at);
    // A number becomes known late: at the end, where a connection is older than the collector; or once it is accepted.
    const named = `SELECT ${ends} AS ends, time FROM ${session.source('ends', { range: sweeps })}
      WHERE time >= ? AND time <= ? AND (duration_us IS NULL OR ${begun} <= ?)
      UNION ALL
      SELECT ${ends}, time FROM ${session.source('opens', { range: sweeps })}
      WHERE flow_ns IS NOT NULL AND time >= ? AND time <= ? AND coalesce(started, time) <= ?`;
    const ended = `SELECT ${identity} FROM ${session.source('ends', { range: { from, to: at + 1n } })} WHERE time >= ? AND time <= ?`;
    const rows = await session.query(
      `WITH seen AS (
         SELECT ${sources.map((name) => `"${name}"`)}, 0 AS is_end, NULL AS alone_us, NULL AS interval_rows
         FROM ${session.source('opens', { range: sweeps })} AS look
         WHERE time >= ? AND time <= ? AND coalesce(started, time) <= ? AND NOT (flow_ns IS NULL AND EXISTS (
           SELECT 1 FROM (${named}) AS known WHERE known.ends = ${ends} AND known.time >= look.time))
         UNION ALL
         SELECT ${fromEnds}, 1 AS is_end, duration_us AS alone_us, interval_rows
         FROM ${session.source('ends', { range: sweeps })}
         WHERE time > ? AND time <= ? AND event <> 'fail' AND (duration_us IS NULL OR ${begun} <= ?)
       ), one AS (
         SELECT *, ${flow} AS flow FROM seen WHERE (${identity}) NOT IN (${ended})
         QUALIFY row_number() OVER (PARTITION BY ${identity} ORDER BY time > ?, is_end, abs(epoch_ns(time) - ?::BIGINT)) = 1
       )${figures.with}
       SELECT ${names.map((name) => figures.column(name))}, ${figures.rates}, count(*) OVER () AS n
       FROM one ${figures.join} WHERE ${where.sql}
       ORDER BY started NULLS FIRST, monotonic_ns, flow_ns, local_port, peer_port LIMIT ${limit}`,
      [
        ...[timeValue(from), timeValue(to), moment],
        ...[timeValue(from), timeValue(to), moment],
        ...[timeValue(from), timeValue(to), moment],
        ...[moment, timeValue(to), moment],
        ...[timeValue(from), moment],
        ...[moment, String(at)],
        ...figures.values,
        ...where.values,
      ],
    );
    const reader = new RowReader(openColumns);
    return {
      rows: rows.map((row) => ({ ...reader.read(row), ...ratesOf(row.slice(names.length)) })),
      count: Number(rows[0]?.at(-1) ?? 0),
    };
  });
}

function ratesOf([sent, received]: readonly DuckDBValue[]): Rates {
  return {
    ...(sent !== null && { send_rate: sent as number }),
    ...(received !== null && { receive_rate: received as number }),
  };
}

/** Times of the last full sweep up to a moment, and of the first one after it. */
async function sweepsAround(session: Session, at: bigint): Promise<{ from: bigint; to: bigint }> {
  const [row] = await session.query(
    `SELECT epoch_ns(max(time) FILTER (time <= $1)), epoch_ns(min(time) FILTER (time > $1))
     FROM ${RECENT}.batches WHERE sweep = 'full'`,
    [timeValue(at)],
  );
  const [from, to] = row as [bigint | null, bigint | null];
  return { from: from ?? -LAST, to: to ?? LAST };
}
