/**
 * MPTCP in socket diagnosis: the kernel lists the TCP sockets of a connection, its subflows, one by one. They are one
 * connection to its program, with the ends of the subflow on which it began. Pure.
 */
import type { DiagSocket } from './inet-diag.js';
import { openedHere, payloadReceived, payloadSent } from './tcp-info.js';

/** Hands sockets on, those of an MPTCP connection as one. */
export class SubflowMerger {
  readonly #onSocket: (socket: DiagSocket) => void;
  /** Subflows by the connection's token, of one network namespace. */
  readonly #connections = new Map<number, DiagSocket[]>();

  constructor(onSocket: (socket: DiagSocket) => void) {
    this.#onSocket = onSocket;
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

  /** Hands the connections on whose subflows were added. */
  flush(): void {
    for (const subflows of this.#connections.values()) {
      const [first = subflows[0]!] = subflows.filter(({ joined }) => !joined);
      for (const subflow of subflows) if (subflow !== first) addFigures(first, subflow);
      this.#onSocket(first);
    }
    this.#connections.clear();
  }
}

function copyOf(socket: DiagSocket): DiagSocket {
  const addresses = new DataView(new ArrayBuffer(socket.addresses.byteLength));
  for (let at = 0; at < addresses.byteLength; at += 4)
    addresses.setUint32(at, socket.addresses.getUint32(at));
  return { ...socket, addresses, info: { ...socket.info } };
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
