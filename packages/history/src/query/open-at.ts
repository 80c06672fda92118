/** What was open at a moment in the past. */
import { RowReader, rowColumns } from '../rows/row-reader.js';
import { endColumns, type OpenRow, openColumns, RECENT } from '../schema/index.js';
import type { HistoryReader, Session } from '../store/session.js';
import { type Answer, answer, type QueryLimits } from './answer.js';
import { always, type Condition, timeValue } from './condition.js';
import { checkLimit } from './groups.js';

/** Which moment is wanted. */
export interface OpenAtQuery extends QueryLimits {
  /** Nanoseconds since 1970. */
  readonly at: bigint;
  readonly where?: Condition;
  /** At most so many, up to 100,000. Default: 10,000. */
  readonly limit?: number;
}

/** The connections that were open. */
export interface OpenAt {
  /** In order of their beginning, the oldest first. Figures are those of the last look before the moment, or of the end. */
  readonly rows: readonly OpenRow[];
  /** How many there were. */
  readonly count: number;
}

/** What identifies a connection of one boot; of an older one without a number, its ends do. */
const identity = `host_id, coalesce(flow_ns::VARCHAR || '.' || flow_cpu::VARCHAR,
  concat_ws(' ', netns, transport, local_address, local_port, peer_address, peer_port))`;

const LAST = 2n ** 63n - 2n;

/**
 * What was open at a moment: found by the full sweep before it, the sweeps of changes since, what began and ended between two
 * sweeps, less what had ended. So no more than about the time from one full sweep to the next one but one is read.
 *
 * @throws OptionError, InterruptedError
 */
export function queryOpenAt(reader: HistoryReader, query: OpenAtQuery): Promise<Answer<OpenAt>> {
  const { at, where = always } = query;
  const limit = checkLimit(query.limit ?? 10_000, 100_000);
  return answer(reader, { from: at, to: at + 1n }, query, async (session) => {
    const { from, to } = await sweepsAround(session, at);
    const sweeps = { from, to: to + 1n };
    const names = rowColumns(openColumns);
    const begun = 'make_timestamp_ns(epoch_ns(time) - coalesce(duration_us, 0)::BIGINT * 1000)';
    const fromEnds = names.map((name) => {
      if (name === 'started') return `CASE WHEN duration_us IS NOT NULL THEN ${begun} END AS started`;
      return name in endColumns ? `"${name}"` : `NULL AS "${name}"`;
    });
    const moment = timeValue(at);
    const ended = `SELECT ${identity} FROM ${session.source('ends', { from, to: at + 1n })} WHERE time >= ? AND time <= ?`;
    const rows = await session.query(
      `WITH seen AS (
         SELECT ${names.map((name) => `"${name}"`)}, 0 AS is_end FROM ${session.source('opens', sweeps)}
         WHERE time >= ? AND time <= ? AND coalesce(started, time) <= ?
         UNION ALL
         SELECT ${fromEnds}, 1 AS is_end FROM ${session.source('ends', sweeps)}
         WHERE time > ? AND time <= ? AND event <> 'fail' AND (duration_us IS NULL OR ${begun} <= ?)
       ), one AS (
         SELECT * FROM seen WHERE (${identity}) NOT IN (${ended})
         QUALIFY row_number() OVER (PARTITION BY ${identity} ORDER BY time > ?, is_end, abs(epoch_ns(time) - ?::BIGINT)) = 1
       )
       SELECT ${names.map((name) => `"${name}"`)}, count(*) OVER () AS n FROM one WHERE ${where.sql}
       ORDER BY started NULLS FIRST, monotonic_ns, flow_ns, local_port, peer_port LIMIT ${limit}`,
      [
        ...[timeValue(from), timeValue(to), moment],
        ...[moment, timeValue(to), moment],
        ...[timeValue(from), moment],
        ...[moment, String(at)],
        ...where.values,
      ],
    );
    const reader = new RowReader(openColumns);
    return { rows: rows.map((row) => reader.read(row)), count: Number(rows[0]?.at(-1) ?? 0) };
  });
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
