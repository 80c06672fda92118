/** Requests and replies of sock_diag for internet sockets (include/uapi/linux/inet_diag.h). Pure. */
import { emptyTcpInfo, type Payload, readTcpInfo, type TcpInfo } from './tcp-info.js';

export const InetFamily = { ipv4: 2, ipv6: 10 } as const;
export const InetProtocol = { tcp: 6, udp: 17 } as const;

/** Type of the message: SOCK_DIAG_BY_FAMILY. */
export const SOCK_DIAG_BY_FAMILY = 20;

const REQUEST_LENGTH = 56;
const MESSAGE_LENGTH = 72;
const INET_DIAG_INFO = 2;
const INET_DIAG_ULP_INFO = 19;
const INET_ULP_INFO_MPTCP = 3;
const NLA_TYPE_MASK = 0x3fff;
/** include/uapi/linux/mptcp.h */
const MPTCP_SUBFLOW_ATTR_TOKEN_LOC = 2;
const MPTCP_SUBFLOW_ATTR_FLAGS = 8;
const JOIN_REM = 1 << 2;
const JOIN_LOC = 1 << 3;

export interface DiagRequest {
  /** A value of {@link InetFamily}. IPv4-mapped sockets are IPv6 ones. */
  readonly family: number;
  /** A value of {@link InetProtocol}. */
  readonly protocol: number;
  /** Bits of 1 << state. */
  readonly states: number;
  /** Whether counters are wanted: struct tcp_info. */
  readonly info: boolean;
}

/** A socket as sock_diag reports it. The object is filled anew for each socket: copy values that you keep. */
export interface DiagSocket {
  /** Inode of the network namespace. */
  netns: number;
  /** `tcp` or `udp`. */
  transport: 'tcp' | 'udp';
  /** A value of TcpState. */
  state: number;
  /** 16 bytes in network order, IPv4 mapped, of this side and, at 16, of the peer; all zeros: none. */
  readonly addresses: DataView;
  localPort: number;
  peerPort: number;
  /** Number, in `netns`, of the interface that it is bound to; 0: none. */
  interfaceIndex: number;
  /** Bound to a wildcard or unconnected IPv6 socket, which may serve IPv4, too. */
  ipv6: boolean;
  /** The socket's number on this host and boot (in each network namespace, before Linux 5.9). */
  cookie: number;
  /** The inode that /proc/PID/fd shows as `socket:[inode]`; 0 where no process has the socket any more, or not yet. */
  inode: number;
  /** User id of its creator. */
  uid: number;
  /** Bytes received and not read yet; of a listener, connections that wait to be accepted. */
  receiveQueue: number;
  /** Bytes not acknowledged yet, of UDP not sent yet; of a listener, its backlog. */
  sendQueue: number;
  /** Valid only where `hasInfo`. */
  readonly info: TcpInfo;
  hasInfo: boolean;
  /** A subflow of MPTCP: the number of its connection, in `netns`; else 0. The kernel shows it to those with CAP_NET_ADMIN. */
  mptcpToken: number;
  /** A subflow that joined its connection, rather than begin it. */
  joined: boolean;
  /** An MPTCP connection as a whole: its own counters, where `info` has those of subflows. */
  payload: Payload | undefined;
}

export function emptyDiagSocket(): DiagSocket {
  return {
    netns: 0,
    transport: 'tcp',
    state: 0,
    addresses: new DataView(new ArrayBuffer(32)),
    localPort: 0,
    peerPort: 0,
    interfaceIndex: 0,
    ipv6: false,
    cookie: 0,
    inode: 0,
    uid: 0,
    receiveQueue: 0,
    sendQueue: 0,
    info: emptyTcpInfo(),
    hasInfo: false,
    mptcpToken: 0,
    joined: false,
    payload: undefined,
  };
}

/** struct inet_diag_req_v2 of a dump. */
export function encodeRequest(request: DiagRequest): Uint8Array {
  const bytes = new Uint8Array(REQUEST_LENGTH);
  bytes[0] = request.family;
  bytes[1] = request.protocol;
  if (request.info) bytes[2] = 1 << (INET_DIAG_INFO - 1);
  new DataView(bytes.buffer).setUint32(4, request.states, true);
  return bytes;
}

/**
 * Reads a reply: struct inet_diag_msg, then attributes. Leaves `netns` and `transport` alone, which it does not contain.
 *
 * @returns false for a payload that is too short.
 */
export function readReply(payload: Uint8Array, socket: DiagSocket): boolean {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  return readReplyAt(view, 0, payload.length, socket);
}

/** The same from memory that holds more. @param end Where the reply ends. */
export function readReplyAt(view: DataView, at: number, end: number, socket: DiagSocket): boolean {
  if (end - at < MESSAGE_LENGTH) return false;
  socket.ipv6 = isIpv6(view, at);
  socket.state = view.getUint8(at + 1);
  socket.localPort = view.getUint16(at + 4);
  socket.peerPort = view.getUint16(at + 6);
  readAddresses(view, at, socket.addresses);
  socket.interfaceIndex = view.getUint32(at + 40, true);
  socket.cookie = view.getUint32(at + 44, true) + view.getUint32(at + 48, true) * 4_294_967_296;
  socket.receiveQueue = view.getUint32(at + 56, true);
  socket.sendQueue = view.getUint32(at + 60, true);
  socket.uid = view.getUint32(at + 64, true);
  socket.inode = view.getUint32(at + 68, true);
  socket.hasInfo = false;
  socket.mptcpToken = 0;
  socket.joined = false;
  let offset = at + MESSAGE_LENGTH;
  while (offset + 4 <= end) {
    const length = view.getUint16(offset, true);
    if (length < 4 || offset + length > end) return true;
    const type = view.getUint16(offset + 2, true) & NLA_TYPE_MASK;
    if (type === INET_DIAG_INFO) socket.hasInfo = readTcpInfo(view, offset + 4, length - 4, socket.info);
    else if (type === INET_DIAG_ULP_INFO) readUlpInfo(view, offset + 4, length - 4, socket);
    offset += (length + 3) & ~3;
  }
  return true;
}

function isIpv6(view: DataView, at: number): boolean {
  return view.getUint8(at) === InetFamily.ipv6;
}

/** The addresses of a struct inet_diag_msg, this side's first. @returns `addresses` */
export function readAddresses(view: DataView, at: number, addresses: DataView): DataView {
  copyAddress(view, at + 8, addresses, 0, isIpv6(view, at));
  copyAddress(view, at + 24, addresses, 16, isIpv6(view, at));
  return addresses;
}

/** Calls back for each attribute of a list: its type, and where its value is. */
export function forEachAttribute(
  view: DataView,
  start: number,
  end: number,
  onAttribute: (type: number, offset: number, length: number) => void,
): void {
  let offset = start;
  while (offset + 4 <= end) {
    const length = view.getUint16(offset, true);
    if (length < 4 || offset + length > end) return;
    onAttribute(view.getUint16(offset + 2, true) & NLA_TYPE_MASK, offset + 4, length - 4);
    offset += (length + 3) & ~3;
  }
}

/** INET_DIAG_ULP_INFO (5.6): what a protocol on top of TCP says of a socket. Only MPTCP is read. */
function readUlpInfo(view: DataView, start: number, size: number, socket: DiagSocket): void {
  forEachAttribute(view, start, start + size, (type, offset, length) => {
    if (type !== INET_ULP_INFO_MPTCP) return;
    forEachAttribute(view, offset, offset + length, (name, at, bytes) => {
      if (bytes < 4) return;
      if (name === MPTCP_SUBFLOW_ATTR_TOKEN_LOC) socket.mptcpToken = view.getUint32(at, true);
      else if (name === MPTCP_SUBFLOW_ATTR_FLAGS) {
        socket.joined = (view.getUint32(at, true) & (JOIN_REM | JOIN_LOC)) !== 0;
      }
    });
  });
}

function copyAddress(from: DataView, offset: number, to: DataView, at: number, ipv6: boolean): void {
  if (ipv6) {
    for (let i = 0; i < 16; i += 4) to.setUint32(at + i, from.getUint32(offset + i));
    return;
  }
  to.setUint32(at, 0);
  to.setUint32(at + 4, 0);
  to.setUint32(at + 8, 0xffff);
  to.setUint32(at + 12, from.getUint32(offset));
}
