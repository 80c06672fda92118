/**
 * The fields that only `close` records have: type, decoder, JSON and text follow from this file. `npm test` holds
 * docs/trace.md to it.
 */
import { ClosedBy, EventFlag, type TcpEvent } from '../generated/tcp.js';

/** In the order in which JSON and text show them. */
export interface CloseFields {
  /** Since the SYN was sent or the connection was accepted, microseconds; absent where that was not seen. */
  readonly duration_us?: number;
  /** Payload bytes that the peer acknowledged. */
  readonly bytes_sent?: number;
  /** Payload bytes that arrived in order. */
  readonly bytes_received?: number;
  /** TCP segments, those without payload and retransmitted ones included: tcp_sock.segs_out. */
  readonly segments_sent?: number;
  /** TCP segments, those without payload included: tcp_sock.segs_in. */
  readonly segments_received?: number;
  /** Retransmitted segments. */
  readonly retransmits?: number;
  /** Smoothed round-trip time, microseconds. */
  readonly srtt_us?: number;
  /**
   * The side that ended the connection: `reset` by the peer's RST, `timeout` when the peer stopped answering, `abort` when the
   * kernel destroyed it on an administrator's behalf (`ss -K`, a removed address).
   */
  readonly closed_by: 'local' | 'peer' | 'reset' | 'timeout' | 'abort';
  /** From the application's close to the end, microseconds; absent where the application had not closed. */
  readonly closing_us?: number;
  /** MPTCP: TCP connections that carried it. */
  readonly subflows?: number;
  /**
   * A filter on the process or the direction could not be decided: the connection is older than the tracer, and that part of
   * it is not known.
   */
  readonly filter?: 'undecided';
}

/** How a field is shown as text. */
export type CloseFieldText =
  /** `1.52 s` */
  | { readonly form: 'duration' }
  /** `sent 517 B`, `srtt 0.850 ms` */
  | { readonly form: 'bytes' | 'milliseconds'; readonly label: string }
  /** `3 retransmits`; 0 is not shown. */
  | { readonly form: 'count'; readonly noun: string }
  /** The words for each value. */
  | { readonly form: 'words'; readonly words: Readonly<Record<string, string>> };

/** One field of `close` records: its unit, its reader, its text. */
export interface CloseField {
  readonly unit: 'microseconds' | 'bytes' | 'segments' | 'subflows' | 'name';
  /** Sets the field of a record where the kernel knows it. */
  readonly read: (record: WritableCloseFields, event: TcpEvent) => void;
  /** Absent: text does not show it. */
  readonly text?: CloseFieldText;
}

/** The fields of a `close` record while it is made. */
export type WritableCloseFields = { -readonly [Name in keyof CloseFields]: CloseFields[Name] };

const closers: readonly CloseFields['closed_by'][] = (() => {
  const names: CloseFields['closed_by'][] = [];
  names[ClosedBy.CLOSED_BY_LOCAL] = 'local';
  names[ClosedBy.CLOSED_BY_PEER] = 'peer';
  names[ClosedBy.CLOSED_BY_RESET] = 'reset';
  names[ClosedBy.CLOSED_BY_TIMEOUT] = 'timeout';
  names[ClosedBy.CLOSED_BY_ABORT] = 'abort';
  return names;
})();

/**
 * The fields that only `close` records have, in the order in which JSON and text show them.
 *
 * Each reader sets its own property: one loop over names and values would take twice as long.
 */
export const closeFields: { readonly [Name in keyof Required<CloseFields>]: CloseField } = {
  duration_us: {
    unit: 'microseconds',
    read: (record, event) => {
      if (event.flags & EventFlag.EVENT_HAS_DURATION) record.duration_us = microseconds(event.durationNs);
    },
    text: { form: 'duration' },
  },
  bytes_sent: {
    unit: 'bytes',
    read: (record, event) => {
      if (event.flags & EventFlag.EVENT_HAS_BYTES) record.bytes_sent = event.bytesSent;
    },
    text: { form: 'bytes', label: 'sent' },
  },
  bytes_received: {
    unit: 'bytes',
    read: (record, event) => {
      if (event.flags & EventFlag.EVENT_HAS_BYTES) record.bytes_received = event.bytesReceived;
    },
    text: { form: 'bytes', label: 'received' },
  },
  segments_sent: {
    unit: 'segments',
    read: (record, event) => {
      if (event.flags & EventFlag.EVENT_HAS_SEGMENTS) record.segments_sent = event.segmentsSent;
    },
  },
  segments_received: {
    unit: 'segments',
    read: (record, event) => {
      if (event.flags & EventFlag.EVENT_HAS_SEGMENTS) record.segments_received = event.segmentsReceived;
    },
  },
  retransmits: {
    unit: 'segments',
    read: (record, event) => {
      if (event.flags & EventFlag.EVENT_HAS_RETRANSMITS) record.retransmits = event.retransmits;
    },
    text: { form: 'count', noun: 'retransmit' },
  },
  srtt_us: {
    unit: 'microseconds',
    read: (record, event) => {
      if (event.srttUs !== 0) record.srtt_us = event.srttUs;
    },
    text: { form: 'milliseconds', label: 'srtt' },
  },
  closed_by: {
    unit: 'name',
    read: (record, event) => {
      record.closed_by = closers[event.closedBy]!;
    },
    text: {
      form: 'words',
      words: {
        local: 'closed by local',
        peer: 'closed by peer',
        reset: 'reset by peer',
        timeout: 'timed out',
        abort: 'aborted by the kernel',
      },
    },
  },
  closing_us: {
    unit: 'microseconds',
    read: (record, event) => {
      if (event.flags & EventFlag.EVENT_HAS_CLOSING) record.closing_us = microseconds(event.closingNs);
    },
  },
  subflows: {
    unit: 'subflows',
    read: (record, event) => {
      if (event.subflows !== 0) record.subflows = event.subflows;
    },
    text: { form: 'count', noun: 'subflow' },
  },
  filter: {
    unit: 'name',
    read: (record, event) => {
      if (event.flags & EventFlag.EVENT_FILTER_UNDECIDED) record.filter = 'undecided';
    },
    text: { form: 'words', words: { undecided: 'filter undecided: its process is not known' } },
  },
};

const readers = Object.values(closeFields).map(({ read }) => read);

/** Adds to a record what the event has of these fields. */
export function readCloseFields(record: WritableCloseFields, event: TcpEvent): void {
  for (let index = 0; index < readers.length; index++) readers[index]!(record, event);
}

/** Whole microseconds. */
export function microseconds(ns: number): number {
  return Math.round(ns / 1000);
}
