/**
 * The figures of connections, and their sums. An entry contributes its figures less its baseline to the totals, so every
 * change of either is made here. Pure.
 */
import type { CloseRecord } from '../records/record.js';
import {
  type DiagSocket,
  openedHere,
  payloadReceived,
  payloadSent,
  type UdpFigures,
} from '../sockets/index.js';
import type { Entry } from './entry.js';
import type { MutableTotals } from './totals.js';

/** Shortest time over which a rate is computed: over less, the clock distorts it. */
export const SHORTEST_SAMPLE_NS = 10_000_000;

interface Figures {
  readonly sent: number;
  readonly received: number;
  readonly retransmits: number;
}

function setFigures(entry: Entry, totals: MutableTotals, { sent, received, retransmits }: Figures): void {
  totals.bytes_sent += sent - entry.bytes_sent;
  totals.bytes_received += received - entry.bytes_received;
  totals.retransmits += retransmits - entry.retransmits;
  entry.bytes_sent = sent;
  entry.bytes_received = received;
  entry.retransmits = retransmits;
}

function setRates(entry: Entry, sentBefore: number, receivedBefore: number, nowNs: number): void {
  const elapsedNs = nowNs - entry.sampledNs;
  if (elapsedNs < SHORTEST_SAMPLE_NS) return;
  entry.send_rate = Math.max(0, entry.bytes_sent - sentBefore) / (elapsedNs / 1e9);
  entry.receive_rate = Math.max(0, entry.bytes_received - receivedBefore) / (elapsedNs / 1e9);
  entry.sampledNs = nowNs;
}

/** Applies the figures that sock_diag reports. */
export function applySocket(entry: Entry, totals: MutableTotals, socket: DiagSocket, nowNs: number): void {
  const { info, state, sendQueue } = socket;
  entry.stateNumber = state;
  if (socket.inode !== 0) entry.inode = socket.inode;
  if (!socket.hasInfo) return;
  if (entry.direction === undefined) {
    const opened = openedHere(info, state, sendQueue);
    if (opened !== undefined) setDirection(entry, totals, opened ? 'outbound' : 'inbound');
  }
  const { bytes_sent, bytes_received } = entry;
  setFigures(entry, totals, {
    sent: socket.payload?.sent ?? payloadSent(info, state, sendQueue, entry.direction === 'outbound'),
    received: socket.payload?.received ?? payloadReceived(info, state),
    retransmits: info.retransmits,
  });
  setRates(entry, bytes_sent, bytes_received, nowNs);
  entry.packets_sent = info.segmentsSent;
  entry.packets_received = info.segmentsReceived;
  entry.srtt_us = info.srttUs === 0 ? undefined : info.srttUs;
  entry.active_ns = Math.max(
    entry.started_ns ?? 0,
    nowNs - Math.min(info.sinceSentMs, info.sinceReceivedMs) * 1e6,
  );
}

/** Applies the final figures of a close record. */
export function applyClose(entry: Entry, totals: MutableTotals, record: CloseRecord): void {
  // Where the tracer does not know which side sent the SYN, its figure counts the SYN as a byte.
  const countsSyn = record.direction === undefined && entry.direction === 'outbound';
  setFigures(entry, totals, {
    sent:
      record.bytes_sent === undefined
        ? entry.bytes_sent
        : Math.max(0, record.bytes_sent - (countsSyn ? 1 : 0)),
    received: record.bytes_received ?? entry.bytes_received,
    retransmits: record.retransmits ?? entry.retransmits,
  });
  if (record.direction !== undefined) entry.direction = record.direction;
  if (record.segments_sent !== undefined) entry.packets_sent = record.segments_sent;
  if (record.segments_received !== undefined) entry.packets_received = record.segments_received;
  if (record.srtt_us !== undefined) entry.srtt_us = record.srtt_us;
  if (record.duration_us !== undefined) entry.started_ns ??= record.monotonic_ns - record.duration_us * 1000;
}

export function applyUdp(entry: Entry, totals: MutableTotals, flow: UdpFigures, nowNs: number): void {
  const { bytes_sent, bytes_received } = entry;
  setFigures(entry, totals, { sent: flow.bytes_sent, received: flow.bytes_received, retransmits: 0 });
  setRates(entry, bytes_sent, bytes_received, nowNs);
  entry.packets_sent = flow.datagrams_sent;
  entry.packets_received = flow.datagrams_received;
  entry.active_ns = flow.active_ns;
}

/**
 * Sets which side sent the SYN. While that is not known, the SYN, which the kernel counts as a byte, counts as payload.
 */
export function setDirection(entry: Entry, totals: MutableTotals, direction: 'outbound' | 'inbound'): void {
  const countsSyn = entry.direction === undefined && direction === 'outbound' && entry.bytes_sent > 0;
  entry.direction = direction;
  if (!countsSyn) return;
  entry.bytes_sent--;
  if (entry.baselineSent > 0) entry.baselineSent--;
  else totals.bytes_sent--;
}

/** Removes figures that belong to another connection. */
export function clearFigures(entry: Entry, totals: MutableTotals): void {
  dropBaseline(entry, totals);
  setFigures(entry, totals, { sent: 0, received: 0, retransmits: 0 });
}

/** Excludes the figures so far from the totals: the traffic was before the table existed. */
export function setBaseline(entry: Entry, totals: MutableTotals): void {
  totals.bytes_sent -= entry.bytes_sent - entry.baselineSent;
  totals.bytes_received -= entry.bytes_received - entry.baselineReceived;
  totals.retransmits -= entry.retransmits - entry.baselineRetransmits;
  entry.baselineSent = entry.bytes_sent;
  entry.baselineReceived = entry.bytes_received;
  entry.baselineRetransmits = entry.retransmits;
}

/** Counts all figures, including those before the baseline. */
export function dropBaseline(entry: Entry, totals: MutableTotals): void {
  totals.bytes_sent += entry.baselineSent;
  totals.bytes_received += entry.baselineReceived;
  totals.retransmits += entry.baselineRetransmits;
  entry.baselineSent = 0;
  entry.baselineReceived = 0;
  entry.baselineRetransmits = 0;
}
