/** What connections had moved by a moment, and how fast, out of the spans that looks at them have found. */
import type { DuckDBValue } from '@duckdb/node-api';
import { RECENT } from '../schema/index.js';
import type { Session } from '../store/session.js';
import { timeValue } from './condition.js';

/** Parts of the statement that finds what was open. */
export interface OpenFigures {
  /** Further parts of its WITH. */
  readonly with: string;
  readonly values: readonly DuckDBValue[];
  /** What is joined to `one`. */
  readonly join: string;
  /** What is selected for a column of `opens`. */
  column(name: string): string;
  /** What is selected for the rates, in bytes a second. */
  readonly rates: string;
}

/** Figures as the rows have them. */
export const figuresOfLook: OpenFigures = {
  with: '',
  values: [],
  join: '',
  column: (name) => `one."${name}"`,
  rates: 'NULL, NULL',
};

/** The moment, nanoseconds since 1970. */
export interface MomentOptions {
  readonly at: bigint;
  /** The time of the last full sweep before it. */
  readonly from: bigint;
  /** An expression for what identifies a connection on its host. */
  readonly flow: string;
}

const figures = ['bytes_sent', 'bytes_received', 'segments_sent', 'segments_received', 'retransmits'];
const LAST = 2n ** 63n - 2n;

/**
 * Figures of a moment: those of the row, and the part of each span between the time of the row and the moment. Only the hour from the
 * full sweep to the next look after the moment is read.
 */
export async function figuresOfMoment(
  session: Session,
  { at, from, flow }: MomentOptions,
): Promise<OpenFigures> {
  const next = await nextSweep(session, at);
  const to = next ?? LAST;
  const range = { from, to: to + 1n };
  // Nanoseconds since 1970 are exact as BIGINT only.
  const [row, end, span, moment] = ['epoch_ns(one.time)', 'epoch_ns(piece.time)', 'span_us * 1000', `${at}`];
  const share = (time: string) =>
    `greatest(0, least(1, 1 - (${end} - ${time})::DOUBLE / greatest(${span}, 1)::DOUBLE))`;
  const covers = `${end} > ${moment} AND ${end} - (${span})::BIGINT <= ${moment}`;
  const rate = (name: string) =>
    `sum(coalesce(piece.${name}, 0) * 1e6 / nullif(span_us, 0)) FILTER (${covers})`;
  const moved = figures.map(
    (name) => `sum(piece.${name} * (${share(moment)} - ${share(row)})) AS moved_${name}`,
  );
  /** It ended before any look: the row of its end has all of its figures. */
  const isAlone = '(is_end = 1 AND interval_rows = 0)';
  const isUnknown = `((${isAlone} AND alone_us IS NULL) OR (is_end = 1 AND interval_rows > 0 AND ${row} > ${to}))`;
  const aloneShare = `greatest(0, least(1, 1 - (${row} - ${moment})::DOUBLE / greatest(alone_us * 1000, 1)::DOUBLE))`;
  const quiet = next === undefined ? 'NULL' : `CASE WHEN ${isUnknown} THEN NULL ELSE 0 END`;
  const rateNow = (name: string) =>
    `CASE WHEN ${isAlone} THEN one.${name} * 1e6 / nullif(alone_us, 0) ELSE coalesce(rate_${name}, ${quiet}) END`;
  return {
    with: `, moved AS (
         SELECT one.host_id AS moved_host, one.flow AS moved_flow, ${moved.join(', ')},
           ${rate('bytes_sent')} AS rate_bytes_sent, ${rate('bytes_received')} AS rate_bytes_received,
           max(piece.srtt_us) FILTER (${covers}) AS moved_srtt_us
         FROM one JOIN (SELECT *, ${flow} AS flow FROM ${session.source('intervals', { range })} WHERE time > ? AND time <= ?) AS piece
           ON piece.host_id = one.host_id AND piece.flow = one.flow
         GROUP BY one.host_id, one.flow)`,
    values: [timeValue(from), timeValue(to)],
    join: 'LEFT JOIN moved ON moved_host = one.host_id AND moved_flow = one.flow',
    column: (name) => {
      if (name === 'srtt_us') return `coalesce(moved_srtt_us, one.srtt_us) AS ${name}`;
      if (!figures.includes(name)) return `one."${name}"`;
      const now = `greatest(0, round(one.${name}::DOUBLE + coalesce(moved_${name}, 0)))`;
      return `CASE WHEN ${isUnknown} OR one.${name} IS NULL THEN NULL WHEN ${isAlone} THEN round(one.${name} * ${aloneShare}) ELSE ${now} END AS ${name}`;
    },
    rates: `${rateNow('bytes_sent')}, ${rateNow('bytes_received')}`,
  };
}

/** The look that follows a moment, of the collector that ran then: up to it, all that moved is in. */
async function nextSweep(session: Session, at: bigint): Promise<bigint | undefined> {
  const [row] = await session.query(
    `SELECT epoch_ns(min(time)) FROM ${RECENT}.batches WHERE sweep IS NOT NULL AND started <= $1 AND time > $1`,
    [timeValue(at)],
  );
  return (row![0] as bigint | null) ?? undefined;
}
