/**
 * The connections of MPTCP themselves in socket diagnosis (5.9): their ends and their payload are the same whichever subflows come
 * and go. Pure.
 */
import { forEachAttribute, readAddresses } from './inet-diag.js';
import type { Payload } from './tcp-info.js';

/** include/uapi/linux/inet_diag.h */
const REQUEST_LENGTH = 56;
const MESSAGE_LENGTH = 72;
const INET_DIAG_INFO = 2;
const INET_DIAG_REQ_PROTOCOL = 3;
const IPPROTO_MPTCP = 262;
const ALL_STATES = 0xffff_ffff;
/** include/uapi/linux/mptcp.h: offsets in struct mptcp_info, which grows at its end. */
const FLAGS_AT = 8;
const TOKEN_AT = 12;
const BYTES_SENT_AT = 56;
const BYTES_RECEIVED_AT = 64;
const BYTES_ACKED_AT = 72;
const FALLBACK_FLAG = 1;

export interface MptcpConnection {
  /** Its number in its network namespace, which its subflows have, too. */
  readonly token: number;
  readonly localPort: number;
  readonly peerPort: number;
  /** As those of a DiagSocket. */
  readonly addresses: DataView;
  readonly cookie: number;
  /** Absent before Linux 6.5, and where the connection goes on as one of plain TCP. */
  readonly payload?: Payload;
}

/** A dump of all of a family. Before Linux 5.9, the kernel finds no protocol for it. */
export function encodeMptcpRequest(family: number): Uint8Array {
  const bytes = new Uint8Array(REQUEST_LENGTH + 8);
  const view = new DataView(bytes.buffer);
  bytes[0] = family;
  bytes[2] = 1 << (INET_DIAG_INFO - 1);
  view.setUint32(4, ALL_STATES, true);
  view.setUint16(REQUEST_LENGTH, 8, true);
  view.setUint16(REQUEST_LENGTH + 2, INET_DIAG_REQ_PROTOCOL, true);
  view.setUint32(REQUEST_LENGTH + 4, IPPROTO_MPTCP, true);
  return bytes;
}

/** @param end Where the reply ends. @returns undefined for one without what identifies a connection. */
export function readMptcpReply(view: DataView, at: number, end: number): MptcpConnection | undefined {
  let connection: MptcpConnection | undefined;
  forEachAttribute(view, at + MESSAGE_LENGTH, end, (type, offset, length) => {
    if (type !== INET_DIAG_INFO || length < TOKEN_AT + 4) return;
    const payload = readPayload(view, offset, length);
    connection = {
      token: view.getUint32(offset + TOKEN_AT, true),
      localPort: view.getUint16(at + 4),
      peerPort: view.getUint16(at + 6),
      addresses: readAddresses(view, at, new DataView(new ArrayBuffer(32))),
      cookie: readU64(view, at + 44),
      ...(payload !== undefined && { payload }),
    };
  });
  return connection;
}

function readPayload(view: DataView, offset: number, length: number): Payload | undefined {
  if (length < BYTES_ACKED_AT + 8 || (view.getUint32(offset + FLAGS_AT, true) & FALLBACK_FLAG) !== 0)
    return undefined;
  const acked = readU64(view, offset + BYTES_ACKED_AT);
  return {
    // The end of the data counts among what is acknowledged, and not among what is sent.
    sent: Math.min(acked, readU64(view, offset + BYTES_SENT_AT)),
    received: readU64(view, offset + BYTES_RECEIVED_AT),
  };
}

/** Below 2^53, as all counters of a connection are. */
function readU64(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 4_294_967_296;
}
