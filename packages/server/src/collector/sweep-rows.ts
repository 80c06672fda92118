/** Rows of intervals and of opens. Pure. */
import { type LiveDetails, liveValues, type Writable } from '@weir/history/rows';
import {
  type EndRow,
  endColumns,
  type IntervalRow,
  intervalColumns,
  type OpenRow,
} from '@weir/history/schema';
import type { Connection, EndedConnection } from '@weir/tracer';
import { figureNames } from './figures.js';
import type { Moment } from './moment.js';
import type { MovedSpan } from './open-connections.js';

/** The columns of intervals that an end fills: all but the figures, which are those of the span. */
const sharedColumns = (Object.keys(intervalColumns) as (keyof IntervalRow & keyof EndRow)[]).filter(
  (name) => name in endColumns && !(figureNames as readonly string[]).includes(name),
);

/** What a row needs to know besides its connection. */
export interface RowContext {
  readonly hostId: bigint;
  readonly details: LiveDetails;
  /** What records have said of the connection when it began. */
  readonly connectionId: string | undefined;
  /** Wall-clock time of a moment, nanoseconds since 1970. */
  readonly wallNs: (monotonicNs: number) => bigint;
}

/** What a live connection moved up to a moment. */
export function liveInterval(
  connection: Connection,
  moved: MovedSpan,
  moment: Moment,
  context: RowContext,
): IntervalRow {
  const row: Writable<IntervalRow> = {
    ...liveValues(connection, context.hostId, moment, context.details),
    ...spanValues(moved, moment.monotonicNs),
  };
  if (connection.srtt_us !== undefined) row.srtt_us = connection.srtt_us;
  setId(row, context);
  return row;
}

/** What a connection moved between the last sweep and its end. */
export function lastInterval(end: EndRow, moved: MovedSpan): IntervalRow {
  const known = sharedColumns.filter((name) => end[name] !== undefined);
  const values = Object.fromEntries(known.map((name) => [name, end[name]]));
  return { ...values, ...spanValues(moved, end.monotonic_ns) } as IntervalRow;
}

/** A connection that is open at a moment. */
export function openRow(connection: Connection, moment: Moment, context: RowContext): OpenRow {
  const { started_ns, state, srtt_us } = connection;
  const row: Writable<OpenRow> = {
    ...liveValues(connection, context.hostId, moment, context.details),
    bytes_sent: connection.bytes_sent,
    bytes_received: connection.bytes_received,
    segments_sent: connection.packets_sent,
    segments_received: connection.packets_received,
  };
  if (connection.transport === 'tcp') row.retransmits = connection.retransmits;
  if (started_ns !== undefined) row.started = context.wallNs(started_ns);
  if (state !== undefined) row.state = state;
  if (srtt_us !== undefined) row.srtt_us = srtt_us;
  setId(row, context);
  return row;
}

/** The end of a connection whose socket is gone, and of which no event said why. */
export function vanishedRow(
  { connection, ended_ns }: Pick<EndedConnection, 'connection' | 'ended_ns'>,
  intervalRows: number,
  context: RowContext,
): EndRow {
  const moment = { time: context.wallNs(ended_ns), monotonicNs: ended_ns };
  const { started: _, state: __, ...values } = openRow(connection, moment, context);
  const row: Writable<EndRow> = { ...values, event: 'close', interval_rows: intervalRows };
  if (connection.started_ns !== undefined)
    row.duration_us = Math.max(0, Math.round((ended_ns - connection.started_ns) / 1000));
  return row;
}

function setId(row: { connection_id?: bigint }, { connectionId }: RowContext): void {
  if (connectionId !== undefined) row.connection_id = BigInt(`0x${connectionId}`);
}

function spanValues({ sinceNs, figures }: MovedSpan, untilNs: number): Pick<IntervalRow, 'span_us'> {
  return { span_us: Math.max(0, Math.round((untilNs - sinceNs) / 1000)), ...figures };
}
