/**
 * MPTCP in socket diagnosis: the kernel lists the TCP sockets of a connection, its subflows, one by one. They are one
 * connection to its program, with the ends of the subflow on which it began, also when that has ended. Pure.
 */
import type { DiagSocket } from './inet-diag.js';
import type { MptcpConnection } from './mptcp-diag.js';
import { openedHere, payloadReceived, payloadSent } from './tcp-info.js';

/** What identifies a connection. */
type Identity = Pick<DiagSocket, 'cookie' | 'localPort' | 'peerPort' | 'addresses'>;

/** Connections of MPTCP as they were first seen: they remain the same when the subflow on which they began has ended. */
export class MptcpIdentities {
  /** By network namespace and token. */
  #known = new Map<string, Identity>();
  #next = new Map<string, Identity>();

  /** Gives a subflow that stands for its connection the identity of that. @param connection Where socket diagnosis shows it. */
  apply(socket: DiagSocket, connection: MptcpConnection | undefined): void {
    const key = `${socket.netns} ${socket.mptcpToken}`;
    const { cookie, localPort, peerPort, addresses } = socket;
    const known = socket.joined ? (this.#known.get(key) ?? connection) : undefined;
    const identity = known ?? { cookie, localPort, peerPort, addresses };
    this.#next.set(key, identity);
    if (known === undefined) return;
    socket.cookie = identity.cookie;
    socket.localPort = identity.localPort;
    socket.peerPort = identity.peerPort;
    copyWords(identity.addresses, socket.addresses);
  }

  /** Ends a reading of all sockets: connections that it did not find are forgotten. */
  endReading(): void {
    this.#known = this.#next;
    this.#next = new Map();
  }
}

/** Hands sockets on, those of an MPTCP connection as one. */
export class SubflowMerger {
  readonly #onSocket: (socket: DiagSocket) => void;
  readonly #identities: MptcpIdentities;
  /** Subflows by the connection's token, of one network namespace. */
  readonly #connections = new Map<number, DiagSocket[]>();

  constructor(onSocket: (socket: DiagSocket) => void, identities = new MptcpIdentities()) {
    this.#onSocket = onSocket;
    this.#identities = identities;
  }

  /** Whether subflows were added. */
  get hasSubflows(): boolean {
    return this.#connections.size > 0;
  }

  /** Hands a plain socket on at once; the object may be filled anew afterwards. */
  add(socket: DiagSocket): void {
    if (socket.mptcpToken === 0) {
      this.#onSocket(socket);
      return;
    }
    const subflows = this.#connections.get(socket.mptcpToken);
    if (subflows === undefined) this.#connections.set(socket.mptcpToken, [copyOf(socket)]);
    else subflows.push(copyOf(socket));
  }

  /** Hands the connections on whose subflows were added. @param shown Those that socket diagnosis shows, by token. */
  flush(shown: ReadonlyMap<number, MptcpConnection> = new Map()): void {
    for (const [token, subflows] of this.#connections) {
      const [first = subflows[0]!] = subflows.filter(({ joined }) => !joined);
      for (const subflow of subflows) if (subflow !== first) addFigures(first, subflow);
      const connection = shown.get(token);
      first.payload = connection?.payload;
      this.#identities.apply(first, connection);
      this.#onSocket(first);
    }
    this.#connections.clear();
  }
}

function copyOf(socket: DiagSocket): DiagSocket {
  const addresses = new DataView(new ArrayBuffer(socket.addresses.byteLength));
  copyWords(socket.addresses, addresses);
  return { ...socket, addresses, info: { ...socket.info } };
}

function copyWords(from: DataView, to: DataView): void {
  for (let at = 0; at < to.byteLength; at += 4) to.setUint32(at, from.getUint32(at));
}

/** Adds the payload and the segments of a subflow, so that the sum follows sequence numbers as the first one's own figures do. */
function addFigures(first: DiagSocket, { hasInfo, info, state, sendQueue, receiveQueue }: DiagSocket): void {
  first.receiveQueue += receiveQueue;
  first.sendQueue += sendQueue;
  if (!hasInfo || !first.hasInfo) return;
  const sent = payloadSent(info, state, sendQueue, openedHere(info, state, sendQueue) ?? false);
  const sum = first.info;
  sum.bytesAcked += sent;
  sum.bytesReceived += payloadReceived(info, state);
  if (sum.bytesSent !== undefined) sum.bytesSent += sent;
  sum.segmentsSent += info.segmentsSent;
  sum.segmentsReceived += info.segmentsReceived;
  sum.retransmits += info.retransmits;
}
