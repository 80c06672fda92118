/** The row of a connection that ended or failed. Pure. */
import type { CloseRecord, FailRecord, UdpFlowRecord } from '@weir/tracer';
import type { EnrichedRecord } from '@weir/tracer/enrich';
import type { EndRow } from '../schema/index.js';
import { recordValues, type Writable } from './connection-values.js';

/** A record that ends a connection or flow. */
export type EndRecord = (CloseRecord | FailRecord | UdpFlowRecord) &
  Pick<EnrichedRecord, 'service' | 'process'>;

/** What records before the end said, and what rows of intervals there are. */
export interface EndContext {
  readonly handshake_us?: number | undefined;
  readonly accounted?: 'accept' | 'listener' | undefined;
  readonly candidates?: number | undefined;
  readonly intervalRows?: number;
}

/** @param time Time of the record, nanoseconds since 1970. */
export function endRow(record: EndRecord, hostId: bigint, time: bigint, context: EndContext = {}): EndRow {
  const row = recordValues(record, hostId, time) as Writable<EndRow>;
  row.event = record.event;
  row.interval_rows = context.intervalRows ?? 0;
  if (context.handshake_us !== undefined) row.handshake_us = context.handshake_us;
  if (context.accounted !== undefined) row.accounted = context.accounted;
  if (context.candidates !== undefined) row.candidates = context.candidates;
  if (record.duration_us !== undefined) row.duration_us = record.duration_us;
  if (record.event === 'fail') {
    row.cpu = record.cpu;
    if (record.error !== undefined) row.error = record.error;
  } else if (record.event === 'close') {
    row.cpu = record.cpu;
    setClose(row, record);
  } else {
    row.bytes_sent = record.bytes_sent;
    row.bytes_received = record.bytes_received;
    row.segments_sent = record.datagrams_sent;
    row.segments_received = record.datagrams_received;
    row.closed_by = record.closed_by;
    row.idle_us = record.idle_us;
  }
  return row;
}

function setClose(row: Writable<EndRow>, record: CloseRecord): void {
  row.closed_by = record.closed_by;
  if (record.bytes_sent !== undefined) row.bytes_sent = record.bytes_sent;
  if (record.bytes_received !== undefined) row.bytes_received = record.bytes_received;
  if (record.segments_sent !== undefined) row.segments_sent = record.segments_sent;
  if (record.segments_received !== undefined) row.segments_received = record.segments_received;
  if (record.retransmits !== undefined) row.retransmits = record.retransmits;
  if (record.srtt_us !== undefined) row.srtt_us = record.srtt_us;
  if (record.closing_us !== undefined) row.closing_us = record.closing_us;
  if (record.subflows !== undefined) row.subflows = record.subflows;
  if (record.filter !== undefined) row.filter = record.filter;
}
