/**
 * struct tcp_info (include/uapi/linux/tcp.h), which has grown at its end over the years: a kernel gives as much of it as
 * it knows. Pure.
 */
import { TcpState } from './tcp-state.js';

/** The counters of a connection, as the kernel keeps them. Times are in microseconds, sizes in bytes. */
export interface TcpInfo {
  /** A value of {@link TcpState}. */
  state: number;
  /** Segments sent and not acknowledged yet. */
  unackedSegments: number;
  /** Follows sequence numbers: SYN and FIN count as a byte; see {@link payloadBytes}. */
  bytesAcked: number;
  /** Follows sequence numbers: the peer's FIN counts as a byte. */
  bytesReceived: number;
  /** Payload, each transmission counted. Absent before Linux 4.19. */
  bytesSent: number | undefined;
  /** Payload that was transmitted again. Absent before Linux 4.19. */
  bytesRetransmitted: number | undefined;
  segmentsSent: number;
  segmentsReceived: number;
  /** Segments that were transmitted again since the connection began. */
  retransmits: number;
  /** Smoothed; 0 before the first sample. */
  srttUs: number;
  rttVarianceUs: number;
  /** Segments. */
  congestionWindow: number;
  maxSegmentSize: number;
  /** Payload in the send queue that was never sent yet. */
  unsentBytes: number;
  /** Bytes a second that the peer has lately acknowledged; absent before Linux 4.9. */
  deliveryRate: number | undefined;
  /** Milliseconds since payload was last sent, and received. */
  sinceSentMs: number;
  sinceReceivedMs: number;
}

/** Payload that the peer has acknowledged, and that has arrived in order: each byte once. */
export interface Payload {
  readonly sent: number;
  readonly received: number;
}

/** Up to segs_in (4.2), which every kernel that Weir runs on has. */
const NEEDED_LENGTH = 144;
/** Up to the last field that is read here, and beyond: a kernel fills in as much as it knows. */
export const TCP_INFO_LENGTH = 248;

export function emptyTcpInfo(): TcpInfo {
  return {
    state: 0,
    unackedSegments: 0,
    bytesAcked: 0,
    bytesReceived: 0,
    bytesSent: undefined,
    bytesRetransmitted: undefined,
    segmentsSent: 0,
    segmentsReceived: 0,
    retransmits: 0,
    srttUs: 0,
    rttVarianceUs: 0,
    congestionWindow: 0,
    maxSegmentSize: 0,
    unsentBytes: 0,
    deliveryRate: undefined,
    sinceSentMs: 0,
    sinceReceivedMs: 0,
  };
}

/** Below 2^53, as all counters of a connection are. */
function readU64(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 4_294_967_296;
}

/**
 * Reads `length` bytes of a struct tcp_info at `offset` into `info`.
 *
 * @returns false where they are too few to contain the counters.
 */
export function readTcpInfo(view: DataView, offset: number, length: number, info: TcpInfo): boolean {
  if (length < NEEDED_LENGTH) return false;
  info.state = view.getUint8(offset);
  info.unackedSegments = view.getUint32(offset + 24, true);
  info.maxSegmentSize = view.getUint32(offset + 16, true);
  info.sinceSentMs = view.getUint32(offset + 44, true);
  info.sinceReceivedMs = view.getUint32(offset + 52, true);
  info.srttUs = view.getUint32(offset + 68, true);
  info.rttVarianceUs = view.getUint32(offset + 72, true);
  info.congestionWindow = view.getUint32(offset + 80, true);
  info.retransmits = view.getUint32(offset + 100, true);
  info.bytesAcked = readU64(view, offset + 120);
  info.bytesReceived = readU64(view, offset + 128);
  info.segmentsSent = view.getUint32(offset + 136, true);
  info.segmentsReceived = view.getUint32(offset + 140, true);
  info.unsentBytes = length >= 148 ? view.getUint32(offset + 144, true) : 0;
  info.deliveryRate = length >= 168 ? readU64(view, offset + 160) : undefined;
  info.bytesSent = length >= 208 ? readU64(view, offset + 200) : undefined;
  info.bytesRetransmitted = length >= 216 ? readU64(view, offset + 208) : undefined;
  return true;
}

/**
 * Whether this side sent the first SYN, from the counters alone: `bytes_acked` is one more on that side than the payload
 * that was acknowledged, which is the payload sent once, less what is in flight.
 *
 * undefined where the counters do not show it: before Linux 4.19 on a side that has sent, and in the middle of a transfer.
 *
 * @param sendQueue Bytes not yet acknowledged, a FIN among them (`idiag_wqueue`).
 */
export function openedHere(info: TcpInfo, state: number, sendQueue: number): boolean | undefined {
  // The SYN's acknowledgement is the first that the side which connected gets.
  if (info.bytesAcked === 0) return state === TcpState.syn_sent;
  if (info.bytesSent === undefined || info.bytesRetransmitted === undefined || sendQueue !== 0)
    return undefined;
  const fin = finAcknowledged(state, sendQueue) ? 1 : 0;
  const surplus = info.bytesAcked - fin - (info.bytesSent - info.bytesRetransmitted);
  return surplus === 1 ? true : surplus === 0 ? false : undefined;
}

/** In these states, the send queue contains the FIN until it is acknowledged. */
function finAcknowledged(state: number, sendQueue: number): boolean {
  switch (state) {
    case TcpState.fin_wait2:
    case TcpState.time_wait:
      return true;
    case TcpState.fin_wait1:
    case TcpState.closing:
    case TcpState.last_ack:
      return sendQueue === 0;
    default:
      return false;
  }
}

/** The peer's FIN has come. */
function finReceived(state: number): boolean {
  return state === TcpState.close_wait || state === TcpState.last_ack || state === TcpState.closing;
}

/**
 * Payload that the peer has acknowledged.
 *
 * The kernel reads the state a moment before the counters, without the socket's lock: while a connection is being closed, the
 * figure may be one too high until the next reading.
 *
 * @param outbound Whether this side sent the first SYN.
 */
export function payloadSent(info: TcpInfo, state: number, sendQueue: number, outbound: boolean): number {
  let bytes = info.bytesAcked;
  if (outbound && bytes > 0) bytes--;
  if (finAcknowledged(state, sendQueue) && bytes > 0) bytes--;
  return bytes;
}

/** Payload that has arrived in order. As exact as {@link payloadSent}. */
export function payloadReceived(info: TcpInfo, state: number): number {
  return finReceived(state) && info.bytesReceived > 0 ? info.bytesReceived - 1 : info.bytesReceived;
}
