/**
 * The fields that only `close` records have: type, decoder, JSON and text follow from this file. `npm test` holds
 * docs/trace.md to it.
 */
import { ClosedBy, EventFlag } from '../generated/tcp.js';
import type { NumberMember } from './event-members.js';

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

/** One field of `close` records: its unit, where it comes from, its text. */
export type CloseField = CloseNumber | CloseName;

interface CloseFieldBase {
  /** Set in the event's flags where the kernel knows the field. */
  readonly flag?: EventFlag;
  /** Absent: text does not show it. */
  readonly text?: CloseFieldText;
}

/** A field whose value is a number. */
export interface CloseNumber extends CloseFieldBase {
  readonly unit: 'microseconds' | 'bytes' | 'segments' | 'subflows';
  /** Its member of `struct tcp_event`; one that ends in `Ns` has nanoseconds. */
  readonly member: NumberMember;
  /** 0 means that it is not known. */
  readonly zeroIsUnknown?: true;
  /** Sets the field of a record. */
  readonly set: (record: WritableCloseFields, value: number) => void;
}

/** A field whose value is one of some words. */
export interface CloseName extends CloseFieldBase {
  readonly unit: 'name';
  /** Its member of `struct tcp_event`, which chooses the word; without one, it is the first. */
  readonly member?: NumberMember;
  readonly names: readonly string[];
  /** Sets the field of a record. @param value One of the names. */
  readonly set: (record: WritableCloseFields, value: string) => void;
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
 * Each sets its own property: one loop over names and values would take twice as long.
 */
export const closeFields: { readonly [Name in keyof Required<CloseFields>]: CloseField } = {
  duration_us: {
    unit: 'microseconds',
    member: 'durationNs',
    flag: EventFlag.EVENT_HAS_DURATION,
    set: (record, value) => {
      record.duration_us = value;
    },
    text: { form: 'duration' },
  },
  bytes_sent: {
    unit: 'bytes',
    member: 'bytesSent',
    flag: EventFlag.EVENT_HAS_BYTES,
    set: (record, value) => {
      record.bytes_sent = value;
    },
    text: { form: 'bytes', label: 'sent' },
  },
  bytes_received: {
    unit: 'bytes',
    member: 'bytesReceived',
    flag: EventFlag.EVENT_HAS_BYTES,
    set: (record, value) => {
      record.bytes_received = value;
    },
    text: { form: 'bytes', label: 'received' },
  },
  segments_sent: {
    unit: 'segments',
    member: 'segmentsSent',
    flag: EventFlag.EVENT_HAS_SEGMENTS,
    set: (record, value) => {
      record.segments_sent = value;
    },
  },
  segments_received: {
    unit: 'segments',
    member: 'segmentsReceived',
    flag: EventFlag.EVENT_HAS_SEGMENTS,
    set: (record, value) => {
      record.segments_received = value;
    },
  },
  retransmits: {
    unit: 'segments',
    member: 'retransmits',
    flag: EventFlag.EVENT_HAS_RETRANSMITS,
    set: (record, value) => {
      record.retransmits = value;
    },
    text: { form: 'count', noun: 'retransmit' },
  },
  srtt_us: {
    unit: 'microseconds',
    member: 'srttUs',
    zeroIsUnknown: true,
    set: (record, value) => {
      record.srtt_us = value;
    },
    text: { form: 'milliseconds', label: 'srtt' },
  },
  closed_by: {
    unit: 'name',
    member: 'closedBy',
    names: closers,
    set: (record, value) => {
      record.closed_by = value as CloseFields['closed_by'];
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
    member: 'closingNs',
    flag: EventFlag.EVENT_HAS_CLOSING,
    set: (record, value) => {
      record.closing_us = value;
    },
  },
  subflows: {
    unit: 'subflows',
    member: 'subflows',
    zeroIsUnknown: true,
    set: (record, value) => {
      record.subflows = value;
    },
    text: { form: 'count', noun: 'subflow' },
  },
  filter: {
    unit: 'name',
    flag: EventFlag.EVENT_FILTER_UNDECIDED,
    names: ['undecided'],
    set: (record) => {
      record.filter = 'undecided';
    },
    text: { form: 'words', words: { undecided: 'filter undecided: its process is not known' } },
  },
};
